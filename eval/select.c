/* select.c - see index.h: from names to tasks, with groups and their overrides. */
#include "eval/catalog.h"
#include "eval/reader.h"

#include <fnmatch.h>
#include <stdlib.h>

enum { MAX_NESTING = 32 };

/* What is being put together. */
typedef struct builder {
    gn_index *x;
    gn_selection *out;
    gn_map task, group; /* by name, where in out */
    size_t task_room, group_room;
    gn_slice open[MAX_NESTING]; /* groups being built, to find cycles */
    int n_open;
    int *leaf; /* [n_leaf] tasks reached since a mark: a group's leaves */
    size_t n_leaf, leaf_room;
    gn_error *e;
} builder;

/* Keys a group lays over its members, and where they stand. */
typedef struct overrides {
    gn_value *tree, *origin;
} overrides;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

static const char *const group_key[] = {"group",    "group_alias", "task", "aggregate_metric_list",
                                        "metadata", NULL};

static bool is_group_key(gn_slice key) {
    for (const char *const *k = group_key; *k; k++)
        if (gn_slice_is(key, *k))
            return true;
    return false;
}

/* A copy of some keys. */
static bool copy_keys(builder *b, overrides *to, const gn_value *tree, const gn_value *origin,
                      gn_slice file, bool members) {
    gn_arena *a = &b->x->arena;
    for (size_t i = 0; i < gn_value_count(tree); i++) {
        const gn_entry *entry = &tree->map.entry[i];
        if (members && is_group_key(entry->key))
            continue;
        gn_value *from = gn_value_get(origin, entry->key);
        if (!from)
            from = gn_value_borrow(a, file);
        if (!gn_value_set(a, to->tree, entry->key, entry->value) ||
            !gn_value_set(a, to->origin, entry->key, from))
            return no_memory(b->e);
    }
    return true;
}

static bool new_overrides(builder *b, overrides *o) {
    o->tree = gn_value_map(&b->x->arena);
    o->origin = gn_value_map(&b->x->arena);
    return (o->tree && o->origin) || no_memory(b->e);
}

/* under, then over it `over`. */
static bool merge(builder *b, overrides *out, const overrides *under, const overrides *over) {
    return new_overrides(b, out) &&
           copy_keys(b, out, under->tree, under->origin, GN_S(""), false) &&
           copy_keys(b, out, over->tree, over->origin, GN_S(""), false);
}

/* ---- tasks -------------------------------------------------------------- */

static bool note_leaf(builder *b, int at) {
    if (!gn_vec_reserve(&b->leaf, &b->leaf_room, b->n_leaf + 1, sizeof *b->leaf))
        return no_memory(b->e);
    b->leaf[b->n_leaf++] = at;
    return true;
}

/* A task of these keys. Reached before, it is the one it was. */
static bool add_task(builder *b, const overrides *keys, gn_slice file, gn_slice folder) {
    const gn_slice name = gn_value_text(gn_value_get(keys->tree, GN_S("task")));
    int64_t at;
    if (gn_map_get(&b->task, name, &at))
        return at < 0 || note_leaf(b, (int)at);
    const gn_task_source source = {.tree = keys->tree,
                                   .origin = keys->origin,
                                   .file = file,
                                   .folder = folder,
                                   .processed = b->x->processed};
    gn_task *t = gn_task_new(&source, &b->out->refusals, b->e);
    if (b->e->code != GN_OK) {
        gn_task_free(t);
        return false;
    }
    if (!gn_map_set(&b->task, name, t ? b->out->n_task : -1) ||
        !gn_vec_reserve(&b->out->task, &b->task_room, (size_t)b->out->n_task + 1,
                        sizeof(gn_task *))) {
        gn_task_free(t);
        return no_memory(b->e);
    }
    if (!t)
        return true;
    b->out->task[b->out->n_task] = t;
    return note_leaf(b, b->out->n_task++);
}

static bool add_named_task(builder *b, const gn_named *n, const overrides *over) {
    overrides keys;
    return new_overrides(b, &keys) &&
           copy_keys(b, &keys, n->source->tree, n->source->origin, n->source->path, false) &&
           (!over || copy_keys(b, &keys, over->tree, over->origin, GN_S(""), false)) &&
           add_task(b, &keys, n->source->path, n->source->folder);
}

/* ---- tags --------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return gn_slice_compare((*(gn_named *const *)a)->name, (*(gn_named *const *)b)->name);
}

/* The tasks of a tag, sorted; malloc'ed. */
static bool tagged(builder *b, gn_slice tag, gn_named ***out, size_t *n) {
    *n = 0;
    *out = malloc((b->x->n_named + 1) * sizeof **out);
    if (!*out)
        return no_memory(b->e);
    for (size_t i = 0; i < b->x->n_named; i++)
        if (b->x->named[i].kind == GN_ENTRY_TASK && gn_has_tag(b->x->named[i].source, tag))
            (*out)[(*n)++] = &b->x->named[i];
    if (*n)
        qsort(*out, *n, sizeof **out, by_name);
    return true;
}

static bool add_tag(builder *b, gn_slice tag, const overrides *over, bool *found) {
    gn_named **list;
    size_t n;
    bool ok = tagged(b, tag, &list, &n);
    *found = ok && n > 0;
    for (size_t i = 0; ok && i < n; i++)
        ok = add_named_task(b, list[i], over);
    free(list);
    return ok;
}

/* ---- groups ------------------------------------------------------------- */

static bool add_group(builder *b, gn_slice name, const gn_value *tree, const gn_value *origin,
                      const gn_task_file *s, const overrides *over);

/* A name that is known: task, group or tag. */
static bool add_known(builder *b, gn_slice name, const overrides *over, bool *found) {
    const gn_named *n = gn_catalog_find(b->x, name);
    *found = n != NULL;
    if (!n)
        return add_tag(b, name, over, found);
    if (n->kind == GN_ENTRY_TASK)
        return add_named_task(b, n, over);
    return add_group(b, n->name, n->source->tree, n->source->origin, n->source, over);
}

static bool refuse(builder *b, gn_slice group, const gn_task_file *s, const gn_value *at,
                   const char *what, gn_slice name) {
    return gn_refuse(&b->out->refusals, group, s->path, at ? at->line : 0, "task", false,
                     "group '%.*s': %s '%.*s'", (int)group.len, group.data, what, (int)name.len,
                     name.data) ||
           no_memory(b->e);
}

static gn_slice joined(builder *b, gn_slice outer, gn_slice inner) {
    gn_str s = {0};
    gn_str_fmt(&s, "%.*s::%.*s", (int)outer.len, outer.data, (int)inner.len, inner.data);
    const gn_slice out = gn_arena_copy(&b->x->arena, gn_str_slice(&s));
    gn_str_release(&s);
    if (!out.data)
        no_memory(b->e);
    return out;
}

static bool add_member_map(builder *b, gn_slice group, const gn_task_file *s, gn_value *item,
                           const overrides *over) {
    const gn_value *inner = gn_value_get(item, GN_S("group")),
                   *task = gn_value_get(item, GN_S("task"));
    overrides own, keys;
    bool found;
    if (!new_overrides(b, &own) || !copy_keys(b, &own, item, NULL, s->path, true))
        return false;
    if (gn_value_is(inner, GN_STRING)) {
        const gn_named *n = gn_catalog_find(b->x, inner->string);
        if (n && n->kind == GN_ENTRY_GROUP)
            return merge(b, &keys, over, &own) && add_known(b, inner->string, &keys, &found);
        const gn_slice name = joined(b, group, inner->string);
        return name.data && add_group(b, name, item, NULL, s, over);
    }
    if (!gn_value_is(task, GN_STRING))
        return refuse(b, group, s, item, "want a name, or a map with 'task' or 'group', not a",
                      gn_slice_of(gn_kind_name(task ? task->kind : item->kind)));
    if (!merge(b, &keys, over, &own) || !add_known(b, task->string, &keys, &found))
        return false;
    if (found)
        return true;
    const gn_slice name = joined(b, group, task->string);
    /* The map may have metadata of its own, which a group's keys never have. */
    return name.data && new_overrides(b, &own) &&
           copy_keys(b, &own, over->tree, over->origin, GN_S(""), false) &&
           copy_keys(b, &own, item, NULL, s->path, false) &&
           gn_value_set(&b->x->arena, own.tree, GN_S("task"),
                        gn_value_borrow(&b->x->arena, name)) &&
           add_task(b, &own, s->path, s->folder);
}

static bool add_member(builder *b, gn_slice group, const gn_task_file *s, gn_value *item,
                       const overrides *over) {
    bool found = true;
    if (item->kind == GN_MAP)
        return add_member_map(b, group, s, item, over);
    if (item->kind != GN_STRING)
        return refuse(b, group, s, item, "want a name or a map, not a",
                      gn_slice_of(gn_kind_name(item->kind)));
    if (!add_known(b, item->string, over, &found))
        return false;
    return found || refuse(b, group, s, item, "no task, group or tag", item->string);
}

/* ---- a group's scores --------------------------------------------------- */

static bool read_filters(gn_reader *r, gn_group_metric *m) {
    const gn_value *v = gn_read_value(r, "filter_list");
    const bool one = gn_value_is(v, GN_STRING);
    const size_t n = one ? 1 : gn_value_count(v);
    if (!v)
        return true;
    if (!one && v->kind != GN_LIST)
        return gn_read_fault(r, v, "filter_list", "want a name or a list of names");
    m->filter = gn_arena_alloc(r->arena, (n + 1) * sizeof *m->filter);
    if (!m->filter)
        return no_memory(r->e);
    for (size_t i = 0; i < n; i++)
        m->filter[m->n_filter++] = gn_value_text(one ? v : gn_value_at(v, i));
    return true;
}

static bool read_metric(gn_reader *r, gn_group_metric *m) {
    static const char *const keys[] = {"metric", "filter_list", "aggregation", "weight_by_size",
                                       NULL};
    gn_slice how = GN_S("mean");
    m->by_size = true;
    m->metric = (gn_slice){NULL, 0};
    bool ok = gn_read_known(r, keys) & gn_read_text(r, "metric", &m->metric) &
              gn_read_text(r, "aggregation", &how) &
              gn_read_bool(r, "weight_by_size", &m->by_size) & read_filters(r, m);
    if (ok && !m->metric.data)
        ok = gn_read_fault(r, r->tree, "metric", "is missing: which metric to put together");
    if (ok && !gn_slice_is(how, "mean"))
        ok = gn_read_fault(r, gn_value_get(r->tree, GN_S("aggregation")), "aggregation",
                           "'%.*s': a group knows mean alone", (int)how.len, how.data);
    return ok;
}

/* Faults are refusals; false only when memory ran out. */
static bool read_metrics(builder *b, gn_group *g, const gn_value *tree, const gn_value *origin,
                         const gn_task_file *s) {
    gn_task name = {.name = g->name, .file = s->path};
    gn_reader r = {.task = &name,
                   .arena = &b->out->arena,
                   .tree = tree,
                   .origin = origin,
                   .inside = "",
                   .refusals = &b->out->refusals,
                   .e = b->e};
    const gn_value *list = gn_read_value(&r, "aggregate_metric_list");
    const bool one = gn_value_is(list, GN_MAP);
    const size_t n = one ? 1 : gn_value_count(list);
    g->metric = gn_arena_alloc(&b->out->arena, (n + 1) * sizeof *g->metric);
    if (!g->metric)
        return no_memory(b->e);
    if (list && !one && list->kind != GN_LIST)
        gn_read_fault(&r, list, "aggregate_metric_list", "want a list of {metric, ...}");
    for (size_t i = 0; i < n; i++) {
        gn_reader in = r;
        in.tree = one ? list : gn_value_at(list, i);
        in.inside = "aggregate_metric_list";
        if (in.tree->kind != GN_MAP)
            gn_read_fault(&r, in.tree, "aggregate_metric_list", "item %zu is no map", i);
        else
            read_metric(&in, &g->metric[g->n_metric++]);
    }
    return b->e->code == GN_OK;
}

/* ---- building a group --------------------------------------------------- */

static gn_slice version_of(builder *b, const gn_value *tree) {
    gn_str s = {0};
    const gn_value *v = gn_value_get(gn_value_get(tree, GN_S("metadata")), GN_S("version"));
    if (v && v->kind != GN_NULL)
        gn_print_str(&s, v);
    const gn_slice out = gn_arena_copy(&b->out->arena, gn_str_slice(&s));
    gn_str_release(&s);
    return out.data ? out : GN_S("");
}

/* Members, one after another; what they reached is noted. */
static bool add_members(builder *b, gn_slice name, const gn_value *tree, const gn_task_file *s,
                        const overrides *over) {
    gn_value *list = gn_value_get(tree, GN_S("task"));
    if (gn_value_is(list, GN_STRING))
        return add_member(b, name, s, list, over);
    if (!gn_value_is(list, GN_LIST) || list->list.count == 0)
        return refuse(b, name, s, list, "it has no members under", GN_S("task"));
    bool ok = true;
    for (size_t i = 0; ok && i < list->list.count; i++)
        ok = add_member(b, name, s, list->list.item[i], over);
    return ok;
}

static bool contains(const int *list, int n, int what) {
    for (int i = 0; i < n; i++)
        if (list[i] == what)
            return true;
    return false;
}

/* The leaves noted since `from`, once each. */
static bool take_leaves(builder *b, gn_group *g, size_t from) {
    g->leaf = gn_arena_alloc(&b->out->arena, (b->n_leaf - from + 1) * sizeof *g->leaf);
    if (!g->leaf)
        return no_memory(b->e);
    for (size_t i = from; i < b->n_leaf; i++)
        if (!contains(g->leaf, g->n_leaf, b->leaf[i]))
            g->leaf[g->n_leaf++] = b->leaf[i];
    return true;
}

static bool leaves_again(builder *b, const gn_group *g) {
    for (int i = 0; i < g->n_leaf; i++)
        if (!note_leaf(b, g->leaf[i]))
            return false;
    return true;
}

/* Groups made while a group was open are below it; those of them that no other has are its
 * children. */
static bool take_children(builder *b, int at) {
    gn_group *g = &b->out->group[at];
    const int n = b->out->n_group - at;
    g->child = gn_arena_alloc(&b->out->arena, (size_t)n * sizeof *g->child);
    g->task = gn_arena_alloc(&b->out->arena, (size_t)(g->n_leaf + 1) * sizeof *g->task);
    if (!g->child || !g->task)
        return no_memory(b->e);
    for (int i = at + 1; i < b->out->n_group; i++) {
        bool below = false;
        for (int j = at + 1; j < i; j++)
            below |= contains(b->out->group[j].child, b->out->group[j].n_child, i);
        if (!below)
            g->child[g->n_child++] = i;
    }
    for (int i = 0; i < g->n_leaf; i++) {
        bool below = false;
        for (int c = 0; c < g->n_child; c++) {
            const gn_group *child = &b->out->group[g->child[c]];
            below |= contains(child->leaf, child->n_leaf, g->leaf[i]);
        }
        if (!below)
            g->task[g->n_task++] = g->leaf[i];
    }
    return true;
}

static bool is_open(const builder *b, gn_slice name) {
    for (int i = 0; i < b->n_open; i++)
        if (gn_slice_equal(b->open[i], name))
            return true;
    return false;
}

static bool fill_group(builder *b, int at, const gn_value *tree, const gn_value *origin,
                       const gn_task_file *s, const overrides *over) {
    const gn_slice name = b->out->group[at].name;
    const size_t from = b->n_leaf, refused = b->out->refusals.count;
    overrides own, keys;
    const overrides none = {NULL, NULL};

    if (!read_metrics(b, &b->out->group[at], tree, origin, s) || !new_overrides(b, &own) ||
        !copy_keys(b, &own, tree, origin, s->path, true) ||
        !merge(b, &keys, &own, over ? over : &none) || !add_members(b, name, tree, s, &keys))
        return false;
    if (b->out->refusals.count > refused) {
        const gn_slice member = b->out->refusals.item[refused].task;
        if (!gn_slice_equal(member, name) &&
            !refuse(b, name, s, gn_value_get(tree, GN_S("task")), "a member is refused:", member))
            return false;
    }
    return take_leaves(b, &b->out->group[at], from) && take_children(b, at);
}

static bool add_group(builder *b, gn_slice name, const gn_value *tree, const gn_value *origin,
                      const gn_task_file *s, const overrides *over) {
    int64_t known;
    if (is_open(b, name) || b->n_open == MAX_NESTING)
        return refuse(b, name, s, NULL, "is a member of itself, by way of", b->open[b->n_open - 1]);
    if (gn_map_get(&b->group, name, &known))
        return leaves_again(b, &b->out->group[known]);
    const int at = b->out->n_group;
    if (!gn_vec_reserve(&b->out->group, &b->group_room, (size_t)at + 1, sizeof(gn_group)) ||
        !gn_map_set(&b->group, name, at))
        return no_memory(b->e);
    const gn_value *alias = gn_value_get(tree, GN_S("group_alias"));
    b->out->group[b->out->n_group++] =
        (gn_group){.name = name,
                   .alias = gn_value_is(alias, GN_STRING) ? alias->string : name,
                   .version = version_of(b, tree)};
    b->open[b->n_open++] = name;
    const bool ok = fill_group(b, at, tree, origin, s, over);
    b->n_open--;
    return ok;
}

/* ---- names as they are asked for ---------------------------------------- */

static int by_text(const void *a, const void *b) {
    return gn_slice_compare(*(const gn_slice *)a, *(const gn_slice *)b);
}

/* Every name there is, tags too, sorted, once each; malloc'ed. */
static bool all_names(gn_index *x, gn_slice **out, size_t *n, gn_error *e) {
    size_t room = 0;
    gn_map seen = {0};
    bool ok = true;
    *out = NULL;
    *n = 0;
    for (size_t i = 0; ok && i < x->n_named; i++) {
        const gn_value *tag = gn_value_get(x->named[i].source->tree, GN_S("tag"));
        const size_t tags = gn_value_is(tag, GN_STRING) ? 1 : gn_value_count(tag);
        for (size_t k = 0; ok && k <= tags; k++) {
            const gn_slice name = k == tags ? x->named[i].name
                                  : gn_value_is(tag, GN_STRING)
                                      ? tag->string
                                      : gn_value_text(gn_value_at(tag, k));
            if (name.len == 0 || (k < tags && x->named[i].kind != GN_ENTRY_TASK) ||
                gn_map_get(&seen, name, NULL))
                continue;
            ok = gn_map_set(&seen, name, 1) && gn_vec_reserve(out, &room, *n + 1, sizeof **out);
            if (ok)
                (*out)[(*n)++] = name;
        }
    }
    gn_map_release(&seen);
    if (ok && *n)
        qsort(*out, *n, sizeof **out, by_text);
    return ok || no_memory(e);
}

static bool unknown(builder *b, gn_slice name) {
    gn_slice *all;
    size_t n;
    if (!all_names(b->x, &all, &n, b->e)) {
        free(all);
        return false;
    }
    const char **list = calloc(n + 1, sizeof *list);
    gn_arena a = {0};
    for (size_t i = 0; list && i < n; i++)
        list[i] = gn_arena_copy(&a, all[i]).data;
    const char *near = list ? gn_nearest_name(name, list) : NULL;
    gn_fail(b->e, GN_INVALID,
            near ? "no task, group or tag '%.*s'; did you mean %s?"
                 : "no task, group or tag '%.*s'; see gneiss tasks list%s",
            (int)name.len, name.data, near ? near : "");
    free(list);
    free(all);
    gn_arena_release(&a);
    return false;
}

static bool add_glob(builder *b, gn_slice pattern) {
    gn_slice *all;
    size_t n;
    gn_str glob = {0}, name = {0};
    bool ok = all_names(b->x, &all, &n, b->e), any = false, found;
    gn_str_add(&glob, pattern);
    for (size_t i = 0; ok && i < n; i++) {
        gn_str_cut(&name, 0);
        gn_str_add(&name, all[i]);
        if (fnmatch(gn_str_text(&glob), gn_str_text(&name), 0) != 0)
            continue;
        any = true;
        ok = add_known(b, all[i], NULL, &found);
    }
    if (ok && !any)
        ok = gn_fail(b->e, GN_INVALID, "no task, group or tag fits '%.*s'", (int)pattern.len,
                     pattern.data);
    gn_str_release(&glob);
    gn_str_release(&name);
    free(all);
    return ok;
}

/* A file by its path; what stands beside it is known, too. */
static bool add_path(builder *b, gn_slice path, bool beside) {
    gn_slice name;
    gn_entry_kind kind;
    const gn_slice folder = gn_path_folder(path);
    gn_str text = {0};
    gn_str_add(&text, path);
    bool ok = gn_path_exists(gn_str_text(&text)) ||
              gn_fail(b->e, GN_IO, "'%.*s' is not there", (int)path.len, path.data);
    gn_str_cut(&text, 0);
    gn_str_add(&text, folder);
    ok = ok && (!beside || gn_catalog_add_folder(b->x, gn_str_text(&text), b->e));
    gn_str_release(&text);
    const gn_task_file *s = ok ? gn_catalog_load(b->x, path, b->e) : NULL;
    if (!s)
        return false;
    if (!s->tree)
        return gn_refuse(&b->out->refusals, GN_S(""), s->path, 0, "", false, "%.*s",
                         (int)s->fault.len, s->fault.data) ||
               no_memory(b->e);
    if (!gn_task_file_name(s, &name, &kind))
        return gn_refuse(&b->out->refusals, GN_S(""), s->path, 0, "task", false,
                         "is missing, and so is group: this file is neither") ||
               no_memory(b->e);
    const gn_named as = {.name = name, .kind = kind, .source = s};
    return kind == GN_ENTRY_TASK ? add_named_task(b, &as, NULL)
                                 : add_group(b, name, s->tree, s->origin, s, NULL);
}

static bool is_path(gn_slice name) {
    return memchr(name.data, '/', name.len) || gn_slice_ends(name, GN_S(".yaml")) ||
           gn_slice_ends(name, GN_S(".yml")) || gn_slice_ends(name, GN_S(".json"));
}

static bool is_glob(gn_slice name) {
    return memchr(name.data, '*', name.len) || memchr(name.data, '?', name.len) ||
           memchr(name.data, '[', name.len);
}

static bool add_name(builder *b, gn_slice name) {
    bool found;
    if (is_path(name))
        return add_path(b, name, true);
    if (is_glob(name))
        return add_glob(b, name);
    return add_known(b, name, NULL, &found) && (found || unknown(b, name));
}

/* ---- selections --------------------------------------------------------- */

static void begin(builder *b, gn_index *x, gn_selection *out, gn_error *e) {
    *out = (gn_selection){0};
    *b = (builder){.x = x, .out = out, .e = e};
}

/* Refused or failed: nothing stays but the refusals. */
static void end(builder *b, bool keep) {
    gn_map_release(&b->task);
    gn_map_release(&b->group);
    free(b->leaf);
    if (keep)
        return;
    for (int i = 0; i < b->out->n_task; i++)
        gn_task_free(b->out->task[i]);
    b->out->n_task = b->out->n_group = 0;
}

bool gn_index_select(gn_index *x, gn_slice names, gn_selection *out, gn_error *e) {
    builder b;
    bool ok = true, any = false;
    begin(&b, x, out, e);
    for (size_t i = 0; ok && i <= names.len;) {
        const char *comma = i < names.len ? memchr(names.data + i, ',', names.len - i) : NULL;
        const size_t n = comma ? (size_t)(comma - names.data) - i : names.len - i;
        const gn_slice name = gn_text_strip((gn_slice){names.data + i, n}, true, true);
        i += n + 1;
        if (name.len == 0)
            continue;
        any = true;
        ok = add_name(&b, name);
    }
    if (ok && !any)
        ok = gn_fail(e, GN_INVALID, "no task is named");
    end(&b, ok && out->refusals.count == 0);
    return ok;
}

void gn_selection_release(gn_selection *s) {
    for (int i = 0; i < s->n_task; i++)
        gn_task_free(s->task[i]);
    free(s->task);
    free(s->group);
    gn_refusals_release(&s->refusals);
    gn_arena_release(&s->arena);
    *s = (gn_selection){0};
}

/* ---- lists -------------------------------------------------------------- */

static void join_refusals(const gn_refusals *r, gn_str *out) {
    for (size_t i = 0; i < r->count; i++)
        gn_str_fmt(out, "%s%.*s: %.*s", i ? "\n" : "", (int)r->item[i].where.len,
                   r->item[i].where.data, (int)r->item[i].why.len, r->item[i].why.data);
}

static bool list_one(gn_index *x, gn_slice name, bool (*each)(void *, const gn_listed *),
                     void *user, bool *go_on, gn_error *e) {
    const gn_named *n = gn_catalog_find(x, name);
    gn_selection s;
    builder b;
    gn_str why = {0};
    bool found;
    begin(&b, x, &s, e);
    const bool ok = add_known(&b, name, NULL, &found);
    end(&b, ok);
    if (ok) {
        join_refusals(&s.refusals, &why);
        const bool task = n && n->kind == GN_ENTRY_TASK && s.n_task;
        const gn_listed l = {.name = name,
                             .kind = !n                         ? "tag"
                                     : n->kind == GN_ENTRY_TASK ? "task"
                                                                : "group",
                             .file = n ? n->source->path : GN_S(""),
                             .version = task        ? s.task[0]->version
                                        : s.n_group ? s.group[0].version
                                                    : GN_S(""),
                             .output_type =
                                 task ? gn_slice_of(gn_task_kind_name(s.task[0]->kind)) : GN_S(""),
                             .runs = s.refusals.count == 0,
                             .why = gn_str_slice(&why)};
        *go_on = each(user, &l);
    }
    gn_str_release(&why);
    gn_selection_release(&s);
    return ok;
}

bool gn_index_list(gn_index *x, const char *pattern, bool (*each)(void *user, const gn_listed *l),
                   void *user, gn_error *e) {
    gn_slice *all;
    size_t n;
    bool go_on = true;
    gn_str name = {0};
    bool ok = all_names(x, &all, &n, e);
    for (size_t i = 0; ok && go_on && i < n; i++) {
        gn_str_cut(&name, 0);
        gn_str_add(&name, all[i]);
        if (!pattern || fnmatch(pattern, gn_str_text(&name), 0) == 0)
            ok = list_one(x, all[i], each, user, &go_on, e);
    }
    gn_str_release(&name);
    free(all);
    return ok;
}

bool gn_index_validate(gn_index *x, const char *path, gn_refusals *out, int *good, gn_error *e) {
    gn_selection s;
    builder b;
    const gn_slice name = gn_slice_of(path);
    begin(&b, x, &s, e);
    const gn_task_file *file = gn_path_exists(path) ? gn_catalog_load(x, name, e) : NULL;
    const bool group = file && gn_value_get(file->tree, GN_S("group"));
    bool ok = add_path(&b, name, group);
    *good = s.n_task;
    end(&b, ok);
    for (size_t i = 0; ok && i < s.refusals.count; i++) {
        const gn_refusal *r = &s.refusals.item[i];
        ok = gn_refuse(out, r->task, r->where, 0, "", r->code, "%.*s", (int)r->why.len,
                       r->why.data) ||
             no_memory(e);
    }
    gn_selection_release(&s);
    return ok;
}
