/* test_base_value.c - arenas, hash tables, values. */
/* floor: gn_base */
#include "core/base/value.h"

#include "core/base/map.h"
#include "tests/check.h"

TEST(arena_memory_is_aligned_and_zero_and_stays) {
    gn_arena a = {0};
    unsigned char *piece[3000];
    for (int i = 0; i < 3000; i++) {
        const size_t size = (size_t)(i * 7 % 900 + (i % 500 == 0 ? 3000000 : 0));
        piece[i] = gn_arena_alloc(&a, size);
        CHECK((uintptr_t)piece[i] % 16 == 0);
        for (size_t j = 0; j < size; j++)
            if (piece[i][j] != 0)
                CHECK(!"zeroed");
        memset(piece[i], i & 0xff, size);
    }
    for (int i = 0; i < 3000; i++) {
        const size_t size = (size_t)(i * 7 % 900 + (i % 500 == 0 ? 3000000 : 0));
        for (size_t j = 0; j < size; j++)
            if (piece[i][j] != (i & 0xff)) {
                CHECK(!"kept");
                break;
            }
    }
    gn_arena_release(&a);
    CHECK(!a.block && a.used == 0);
}

TEST(an_arena_keeps_its_limit) {
    gn_arena a = {.limit = 1000};
    CHECK(gn_arena_alloc(&a, 500) != NULL);
    CHECK(gn_arena_alloc(&a, 600) == NULL);
    CHECK(gn_arena_alloc(&a, SIZE_MAX) == NULL);
    CHECK(gn_arena_alloc(&a, 400) != NULL);
    CHECK(gn_arena_copy(&a, GN_S("0123456789012345678901234567890123456789012345678901234567890123"
                                 "456789012345678901234567890123456789"))
              .data == NULL);
    gn_arena_release(&a);
    CHECK(a.limit == 1000);
    CHECK(gn_arena_alloc(&a, 900) != NULL);
    gn_arena_release(&a);
}

TEST(a_full_arena_makes_no_value) {
    gn_arena a = {.limit = 300};
    gn_value *list = gn_value_list(&a);
    int added = 0;
    while (gn_value_add(&a, list, gn_value_integer(&a, added)))
        added++;
    CHECK(added > 0 && added < 10 && gn_value_count(list) == (size_t)added);
    CHECK(!gn_value_add(&a, list, NULL) && !gn_value_add(&a, NULL, list));
    gn_arena_release(&a);
}

TEST(a_hash_table_holds_what_was_put_in) {
    enum { N = 50000 };
    static char name[N][12];
    gn_map m = {0};
    int64_t v = -1;
    CHECK(!gn_map_get(&m, GN_S("x"), &v) && v == -1);
    for (int i = 0; i < N; i++) {
        snprintf(name[i], sizeof name[i], "k%d", i * 7);
        CHECK(gn_map_set(&m, gn_slice_of(name[i]), i));
    }
    for (int i = 0; i < N; i += 3)
        CHECK(gn_map_set(&m, gn_slice_of(name[i]), -i));
    CHECK(m.count == N);
    for (int i = 0; i < N; i++)
        CHECK(gn_map_get(&m, gn_slice_of(name[i]), &v) && v == (i % 3 ? i : -i));
    CHECK(!gn_map_get(&m, GN_S("k1"), NULL) && gn_map_get(&m, GN_S("k7"), NULL));
    CHECK(!gn_map_get(&m, (gn_slice){0}, NULL));
    CHECK(gn_map_set(&m, (gn_slice){0}, 5) && gn_map_get(&m, GN_S(""), &v) && v == 5);
    gn_map_release(&m);
    CHECK(!gn_map_get(&m, GN_S("k7"), NULL));
}

TEST(room_reserved_in_a_hash_table_is_enough) {
    gn_map m = {0};
    CHECK(gn_map_reserve(&m, 1000));
    const size_t size = m.size;
    static char name[1000][12];
    for (int i = 0; i < 1000; i++) {
        snprintf(name[i], sizeof name[i], "%d", i);
        gn_map_set(&m, gn_slice_of(name[i]), i);
    }
    CHECK(m.size == size && m.count == 1000);
    CHECK(!gn_map_reserve(&m, SIZE_MAX / 2));
    gn_map_release(&m);
}

TEST(a_map_of_values_keeps_order_and_replaces_in_place) {
    enum { N = 3000 };
    gn_arena a = {0};
    gn_value *map = gn_value_map(&a);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < N; i++) {
            char name[12];
            snprintf(name, sizeof name, "%d", i * 31 % N);
            const gn_slice key = gn_arena_copy(&a, gn_slice_of(name));
            CHECK(gn_value_set(&a, map, key, gn_value_integer(&a, i + pass * N)));
            CHECK(gn_value_get(map, key)->integer == i + pass * N);
        }
    CHECK(gn_value_count(map) == N);
    for (int i = 0; i < N; i++)
        CHECK(map->map.entry[i].value->integer == i + N);
    CHECK(gn_value_get(map, GN_S("3000")) == NULL);
    gn_arena_release(&a);
}

TEST(small_maps_find_their_keys_too) {
    gn_arena a = {0};
    gn_value *map = gn_value_map(&a);
    char name[40][12];
    for (int i = 0; i < 40; i++) {
        snprintf(name[i], sizeof name[i], "%d", i);
        gn_value_set(&a, map, gn_slice_of(name[i]), gn_value_integer(&a, i));
        for (int j = 0; j < 40; j++)
            CHECK((gn_value_get(map, gn_slice_of(name[j < i ? j : i])) != NULL) &&
                  (j <= i || !gn_value_get(map, GN_S("40"))));
    }
    CHECK(gn_value_set(&a, map, (gn_slice){0}, map) && gn_value_get(map, GN_S("")) == map);
    gn_arena_release(&a);
}

TEST(lookups_can_be_chained_through_what_is_not_there) {
    gn_arena a = {0};
    gn_value *list = gn_value_list(&a);
    gn_value_add(&a, list, gn_value_string(&a, GN_S("text")));
    CHECK(gn_value_get(gn_value_get(NULL, GN_S("a")), GN_S("b")) == NULL);
    CHECK(gn_value_get(list, GN_S("a")) == NULL && gn_value_at(list, 1) == NULL);
    CHECK(gn_slice_is(gn_value_text(gn_value_at(list, 0)), "text"));
    CHECK(gn_value_text(gn_value_at(list, 1)).len == 0);
    CHECK(gn_value_count(NULL) == 0 && gn_value_count(list) == 1);
    gn_arena_release(&a);
}

TEST(a_number_without_fraction_is_an_integer_where_it_fits) {
    gn_arena a = {0};
    int64_t i = 7;
    double d;
    CHECK(gn_value_to_integer(gn_value_number(&a, -0x1p63), &i) && i == INT64_MIN);
    CHECK(!gn_value_to_integer(gn_value_number(&a, 0x1p63), &i));
    CHECK(!gn_value_to_integer(gn_value_number(&a, 1.5), &i));
    CHECK(!gn_value_to_integer(gn_value_number(&a, (double)NAN), &i));
    CHECK(!gn_value_to_integer(gn_value_bool(&a, true), &i));
    CHECK(!gn_value_to_integer(NULL, &i) && i == INT64_MIN);
    CHECK(gn_value_to_number(gn_value_integer(&a, 3), &d) && d == 3);
    CHECK(!gn_value_to_number(gn_value_string(&a, GN_S("3")), &d));
    gn_arena_release(&a);
}

TEST(values_are_equal_as_python_has_it) {
    gn_arena a = {0};
    gn_value *one = gn_value_integer(&a, 1), *one_point = gn_value_number(&a, 1.0);
    gn_value *truth = gn_value_bool(&a, true), *nan = gn_value_number(&a, (double)NAN);
    CHECK(gn_value_equal(one, one_point) && gn_value_equal(truth, one_point));
    CHECK(gn_value_equal(truth, one) && !gn_value_equal(one, gn_value_null(&a)));
    CHECK(!gn_value_equal(nan, nan));
    CHECK(!gn_value_equal(gn_value_integer(&a, 9007199254740993), gn_value_number(&a, 0x1p53)));
    CHECK(gn_value_equal(gn_value_integer(&a, 1L << 53), gn_value_number(&a, 0x1p53)));
    CHECK(!gn_value_equal(gn_value_string(&a, GN_S("1")), one));

    gn_value *x = gn_value_map(&a), *y = gn_value_map(&a);
    gn_value_set(&a, x, GN_S("a"), one);
    gn_value_set(&a, x, GN_S("b"), nan);
    gn_value_set(&a, y, GN_S("b"), nan);
    CHECK(!gn_value_equal(x, y));
    gn_value_set(&a, y, GN_S("a"), one_point);
    CHECK(gn_value_equal(x, y));
    gn_value *p = gn_value_list(&a), *q = gn_value_list(&a);
    gn_value_add(&a, p, x);
    gn_value_add(&a, q, y);
    CHECK(gn_value_equal(p, q));
    gn_value_add(&a, q, one);
    CHECK(!gn_value_equal(p, q) && gn_value_equal(NULL, NULL) && !gn_value_equal(p, NULL));
    gn_arena_release(&a);
}

TEST(every_kind_has_a_name) {
    CHECK_TEXT(gn_kind_name(GN_NULL), "null");
    CHECK_TEXT(gn_kind_name(GN_MAP), "map");
    CHECK_TEXT(gn_kind_name(GN_KINDS), "object");
}
