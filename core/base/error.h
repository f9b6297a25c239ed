/* error.h - the one error value of the project.
 *
 * A function that can fail for reasons outside the program (files, memory,
 * devices, user input) returns bool or a pointer and takes a gn_error as its
 * last argument, never NULL. Where it fails it calls gn_fail(); where it only
 * passes a failure on it may call gn_context() to say what it was doing. Both
 * return false, so the error path is one line. Nothing below app/ prints or exits.
 */
#ifndef GN_BASE_ERROR_H
#define GN_BASE_ERROR_H

#include <stdbool.h>

typedef enum gn_code {
    GN_OK,
    GN_NO_MEMORY,   /* host or device allocation failed */
    GN_IO,          /* the operating system refused a file or a device */
    GN_FORMAT,      /* a file breaks its own format */
    GN_UNSUPPORTED, /* a well-formed file asks for what we do not do */
    GN_INVALID,     /* the caller, in the end the user, asked for nonsense */
    GN_DEVICE,      /* the accelerator reported a fault */
    GN_CANCELLED,   /* the caller's progress callback said stop */
} gn_code;

/* Zero-initialise before use. The message reads from the outside in:
 * "open 'm/': tensor 'in_proj.weight': want [712, 128]". `where` is the file,
 * line, key or option the failure belongs to; it may be empty. */
typedef struct gn_error {
    gn_code code;
    char message[512];
    char where[192];
} gn_error;

/* Set e; returns false. The message is truncated, never overrun. */
bool gn_fail(gn_error *e, gn_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "fmt: " in front of the message already in e; returns false. */
bool gn_context(gn_error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Say where, unless something nearer already did; returns false. */
bool gn_where(gn_error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "no_memory", "io", ...: the names gneiss-json(5) promises. */
const char *gn_code_name(gn_code code);

#endif
