/* interrupt.c - see interrupt.h. */
#include "app/cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t caught;

static void remember(int sig) {
    caught = 1;
    signal(sig, SIG_DFL);
}

void gn_interrupt_catch(void) {
    struct sigaction s = {.sa_handler = remember, .sa_flags = SA_RESTART};
    caught = 0;
    sigaction(SIGINT, &s, NULL);
    sigaction(SIGTERM, &s, NULL);
}

bool gn_interrupted(void) { return caught != 0; }

static void count(int sig) {
    if (++caught == 2)
        signal(sig, SIG_DFL);
}

void gn_interrupt_count(void) {
    struct sigaction s = {.sa_handler = count, .sa_flags = SA_RESTART};
    caught = 0;
    sigaction(SIGINT, &s, NULL);
    sigaction(SIGTERM, &s, NULL);
    struct sigaction before;
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* nohup */
        sigaction(SIGHUP, &s, NULL);
}

int gn_interrupts(void) { return caught; }
