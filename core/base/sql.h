/* sql.h - the only file that knows SQLite. */
#ifndef GN_BASE_SQL_H
#define GN_BASE_SQL_H

#include "core/base/str.h"

typedef struct gn_sql gn_sql;
typedef struct gn_statement gn_statement; /* prepared once, used often; freed with its database */

/* Opens, or makes, a database: foreign keys on, busy timeout 10 s, WAL (DELETE
 * on a network file system). read_only makes nothing. A file that is no
 * database is GN_FORMAT; one that cannot be written GN_IO. */
gn_sql *gn_sql_open(const char *path, bool read_only, gn_error *e);
void gn_sql_close(gn_sql *s);
/* On a network file system: no WAL there. */
bool gn_sql_is_shared(const gn_sql *s);
void gn_sql_assume_shared(bool on); /* tests: databases opened from now on are there */

/* Run statements that return nothing. */
bool gn_sql_exec(gn_sql *s, const char *text, gn_error *e);

/* Compile text, or find it already compiled (the cache is keyed by the text's
 * bytes). It comes reset, with no bindings. */
gn_statement *gn_sql_prepare(gn_sql *s, const char *text, gn_error *e);
/* Bind parameter i, from 1. Bound bytes are copied. */
void gn_bind_int(gn_statement *q, int i, int64_t v);
void gn_bind_double(gn_statement *q, int i, double v);
void gn_bind_text(gn_statement *q, int i, gn_slice v);
void gn_bind_blob(gn_statement *q, int i, const void *data, size_t len);
void gn_bind_null(gn_statement *q, int i);
/* The number of the parameter called name (":a"); 0: there is none. */
int gn_bind_index(const gn_statement *q, const char *name);
/* One step: *row tells whether a row is there. False, and e set, on an error;
 * SQLITE_BUSY says who to wait for, SQLITE_FULL names the disk. */
bool gn_sql_step(gn_statement *q, bool *row, gn_error *e);
/* Step a statement that returns no row to its end and reset it. */
bool gn_sql_run(gn_statement *q, gn_error *e);
void gn_sql_reset(gn_statement *q);

int gn_column_count(const gn_statement *q);
const char *gn_column_name(const gn_statement *q, int i);
bool gn_column_is_null(const gn_statement *q, int i);
/* 'n' null, 'i' integer, 'd' double, 't' text, 'b' blob */
char gn_column_type(const gn_statement *q, int i);
int64_t gn_column_int(const gn_statement *q, int i);
double gn_column_double(const gn_statement *q, int i);
gn_slice gn_column_text(const gn_statement *q, int i); /* until the next step */
gn_slice gn_column_blob(const gn_statement *q, int i);

int64_t gn_sql_last_id(const gn_sql *s);
int gn_sql_changes(const gn_sql *s);

/* BEGIN IMMEDIATE, COMMIT, ROLLBACK. Not nested. */
bool gn_sql_begin(gn_sql *s, gn_error *e);
bool gn_sql_commit(gn_sql *s, gn_error *e);
void gn_sql_rollback(gn_sql *s);

/* Online copy to path (VACUUM INTO). */
bool gn_sql_backup(gn_sql *s, const char *path, gn_error *e);

#endif
