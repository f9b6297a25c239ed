/* interrupt.h - Ctrl-C as a question asked between steps. */
#ifndef GN_APP_INTERRUPT_H
#define GN_APP_INTERRUPT_H

#include <stdbool.h>

/* From now on SIGINT and SIGTERM are only remembered; a second one ends the program. */
void gn_interrupt_catch(void);
bool gn_interrupted(void);

/* The same, with SIGHUP too, but the second is only counted: a third ends the program. */
void gn_interrupt_count(void);
int gn_interrupts(void);

#endif
