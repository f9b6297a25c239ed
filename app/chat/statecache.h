/* statecache.h - states on disk: a file for the tokens they remember, written behind the engine's
 * back.
 *
 * Used on the engine's thread; a thread of its own waits for the disk. Who keeps the index (the
 * `state` rows of chats.db) hears of every file that is written, used or found damaged.
 */
#ifndef GN_APP_STATECACHE_H
#define GN_APP_STATECACHE_H

#include "core/gneiss.h"

typedef enum gn_state_news {
    GN_STATE_SAVED,
    GN_STATE_USED,
    GN_STATE_DAMAGED, /* and deleted */
    GN_STATE_REFUSED, /* it could not be written or read */
} gn_state_news;

typedef struct gn_state_told {
    gn_state_news news;
    int64_t turn; /* as the caller calls it */
    bool pinned;
    uint8_t prefix[GN_SHA256_BYTES]; /* sha256 of all token ids */
    int64_t n_tokens, n_bytes;
    char path[128]; /* below the folder */
    gn_error error; /* DAMAGED, REFUSED */
} gn_state_told;

typedef struct gn_statecache gn_statecache;

/* folder NULL: the user's. told() is called on either thread, and may be before this returns.
 * NULL, and e set, when the folder cannot be had. */
gn_statecache *gn_statecache_open(gn_engine *g, const char *folder,
                                  void (*told)(void *user, const gn_state_told *t), void *user,
                                  gn_error *e);
void gn_statecache_close(gn_statecache *c); /* waits for the disk; NULL is fine */
/* Where the files are, appended: the setting, or its default. */
bool gn_statecache_folder(gn_str *out, const char *setting, gn_error *e);

/* Write s; returns when s may change. It is refused, and false, while the disk is behind, unless
 * wait is set. */
bool gn_statecache_save(gn_statecache *c, gn_session *s, int64_t turn, bool pinned, bool wait);
/* The state after these tokens; NULL: there is none. A file that is no good is deleted. */
gn_session *gn_statecache_load(gn_statecache *c, const int32_t *id, size_t n, int64_t turn);

#endif
