/* test_train_model.c - gradients of whole models against torch's, and what training promises. */
/* floor: gn_train */
#include "tests/unit/train_rig.h"

static const char *const models[] = {
    "hybrid_dense",
    "hybrid_moe",
    "hybrid_rope",
    "hybrid_mamba",
    "hybrid_mamba_moe",
    "hybrid_attention",
    "hybrid_attention_moe",
    "granite",
    "granitemoe",
    "granitemoeshared",
    "bamba",
    "llama",
    "llama3",
};
enum { MODELS = sizeof models / sizeof *models, ENTRIES = 20 };

static const gn_trainer_options two = {.threads = 2, .rows = RIG_ROWS};

static check_fixture gradients_of(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "tests/oracle/gradients/%s.vec", name);
    return check_load(path);
}

static size_t place(size_t k, size_t n) {
    return n <= ENTRIES ? k : (k * 40503 * 65537 + 977 * k * k) % n;
}

/* Every entry within 1e-3 of the largest, the weighted sum within that times sqrt(n). */
static void compare_tensor(const char *model, const gn_parameter *p, const check_vec *want) {
    const double most = (double)want->f[0], allowed = 1e-3 * most + 1e-9;
    double sum = 0.0, largest = 0.0, worst = 0.0;
    for (size_t i = 0; i < p->count; i++) {
        const double w = (double)(uint32_t)(i * 2654435761u) / 2147483648.0 - 1.0;
        sum += (double)p->grad[i] * w;
        largest = fmax(largest, fabs((double)p->grad[i]));
    }
    for (size_t k = 2; k < want->n; k++)
        worst = fmax(worst, fabs((double)(p->grad[place(k - 2, p->count)] - want->f[k])));
    const bool near = worst <= allowed && fabs(largest - most) <= allowed &&
                      fabs(sum - (double)want->f[1]) <= allowed * sqrt((double)p->count);
    if (!near)
        printf("  %s: %s: entries off by %.2g, largest %.6g, want %.6g, sum %.6g, want %.6g\n",
               model, p->name, worst, largest, most, sum, (double)want->f[1]);
    CHECK(near);
}

static void compare(rig *r, const char *name) {
    check_fixture f = gradients_of(name);
    static rig_batch b;
    rig_batch_of(&b, &f, "");
    const float loss = (float)gn_trainer_run(r->trainer, &b.batch, true);
    CHECK_NEAR(&loss, check_find(&f, "loss")->f, 1, 1e-5f);
    int compared = 0;
    for (int i = 0; i < f.count; i++)
        for (int p = 0; p < r->learner->tensors; p++)
            if (strcmp(f.vec[i].name, r->learner->parameter[p].name) == 0) {
                compare_tensor(name, &r->learner->parameter[p], &f.vec[i]);
                compared++;
            }
    CHECK(compared == r->learner->tensors);
    check_release(&f);
}

TEST(gradients_of_every_tensor_equal_torchs) {
    for (int m = 0; m < MODELS; m++) {
        rig r;
        if (rig_open(&r, models[m], 0, &two))
            compare(&r, models[m]);
        rig_close(&r);
    }
}

TEST(the_loops_for_any_processor_say_the_same) {
    const gn_trainer_options plain = {.threads = 1, .rows = RIG_ROWS, .plain = true};
    static const char *const some[] = {"hybrid_moe", "hybrid_rope", "bamba"};
    for (int m = 0; m < 3; m++) {
        rig r;
        if (rig_open(&r, some[m], 0, &plain))
            compare(&r, some[m]);
        rig_close(&r);
    }
}

TEST(layers_that_are_run_again_give_the_same) {
    const gn_trainer_options little = {.threads = 2, .rows = RIG_ROWS, .memory = 1};
    for (int m = 0; m < MODELS; m++) {
        rig r;
        if (rig_open(&r, models[m], 0, &little)) {
            CHECK(gn_trainer_taped(r.trainer) == 0);
            compare(&r, models[m]);
        }
        rig_close(&r);
    }
}

TEST(the_routers_own_loss_has_its_gradient) {
    static const char *const some[] = {"hybrid_moe", "granitemoe"};
    for (int m = 0; m < 2; m++) {
        rig r;
        char name[64];
        snprintf(name, sizeof name, "%s+balance", some[m]);
        if (rig_open(&r, some[m], 0, &two)) {
            r.config.aux_loss = 0.05f;
            compare(&r, name);
        }
        rig_close(&r);
    }
}

static float *copy_gradients(const gn_learner *l, size_t *n) {
    *n = 0;
    for (int i = 0; i < l->count; i++)
        *n += l->parameter[i].grad ? l->parameter[i].count : 0;
    float *out = malloc(*n * sizeof *out), *to = out;
    for (int i = 0; i < l->count; i++)
        if (l->parameter[i].grad) {
            memcpy(to, l->parameter[i].grad, l->parameter[i].count * sizeof *to);
            to += l->parameter[i].count;
        }
    return out;
}

/* All sequences in one batch, or one after the other with each its share of the mean. */
TEST(a_packed_batch_gives_the_sum_of_its_parts) {
    for (int m = 0; m < MODELS; m++) {
        rig r;
        if (!rig_open(&r, models[m], 0, &two)) {
            rig_close(&r);
            continue;
        }
        check_fixture f = gradients_of(models[m]);
        static rig_batch all, one;
        rig_batch_of(&all, &f, "");
        gn_trainer_run(r.trainer, &all.batch, true);
        size_t n;
        float *packed = copy_gradients(r.learner, &n), *sum = calloc(n, sizeof *sum);
        int counted = 0;
        for (int i = 0; i < all.batch.rows; i++)
            counted += all.label[i] >= 0;
        for (int s = 0; s < all.batch.segments; s++) {
            const gn_segment g = all.segment[s];
            const gn_segment whole = {0, g.count};
            int mine = 0;
            one.batch = (gn_batch){all.token + g.first, all.label + g.first, &whole, g.count, 1};
            for (int i = 0; i < g.count; i++)
                mine += all.label[g.first + i] >= 0;
            gn_learner_zero(r.learner);
            gn_trainer_run(r.trainer, &one.batch, true);
            float *part = copy_gradients(r.learner, &n);
            for (size_t i = 0; i < n; i++)
                sum[i] += part[i] * (float)mine / (float)counted;
            free(part);
        }
        CHECK_NEAR(packed, sum, n, 2e-5f);
        free(packed);
        free(sum);
        check_release(&f);
        rig_close(&r);
    }
}

TEST(threads_change_no_bit) {
    for (int m = 0; m < MODELS; m++) {
        float *got[2] = {0};
        size_t n = 0;
        for (int k = 0; k < 2; k++) {
            const gn_trainer_options o = {.threads = k ? 3 : 1, .rows = RIG_ROWS};
            rig r;
            if (rig_open(&r, models[m], 0, &o)) {
                check_fixture f = gradients_of(models[m]);
                static rig_batch b;
                rig_batch_of(&b, &f, "");
                gn_trainer_run(r.trainer, &b.batch, true);
                got[k] = copy_gradients(r.learner, &n);
                check_release(&f);
            }
            rig_close(&r);
        }
        CHECK(got[0] && got[1] && memcmp(got[0], got[1], n * sizeof **got) == 0);
        free(got[0]);
        free(got[1]);
    }
}

static void follow(const char *name) {
    rig r;
    char path[64];
    snprintf(path, sizeof path, "curve.%s", name);
    check_fixture f = gradients_of(path);
    const check_vec *want = check_find(&f, "loss");
    if (rig_open(&r, name, 0, &two)) {
        for (int s = 0; s < (int)want->n; s++) {
            static rig_batch b;
            char prefix[8];
            snprintf(prefix, sizeof prefix, "%d.", s % 4);
            rig_batch_of(&b, &f, prefix);
            const float loss = (float)gn_trainer_run(r.trainer, &b.batch, true);
            if (!CHECK_NEAR(&loss, &want->f[s], 1, 1e-3f))
                printf("  %s: step %d\n", name, s);
            const gn_adamw a = {2e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 1.0f, s + 1};
            gn_trainer_update(r.trainer, &a);
        }
    }
    rig_close(&r);
    check_release(&f);
}

TEST(fifty_steps_of_adamw_follow_torchs) {
    follow("hybrid_dense");
    follow("hybrid_moe");
}

/* dA and dB by differences of the loss along a direction. */
TEST(adapters_have_the_gradient_of_the_loss) {
    rig r;
    if (rig_open(&r, "hybrid_rope", 3, &two)) {
        check_fixture f = gradients_of("hybrid_rope");
        static rig_batch b;
        rig_batch_of(&b, &f, "");
        gn_learner *l = r.learner;
        for (int i = l->tensors; i < l->count; i++)
            for (size_t k = 0; k < l->parameter[i].count; k++)
                l->parameter[i].value[k] = 0.1f * sinf((float)(k * 7 + (size_t)i));
        gn_learner_merge(l, gn_trainer_crew(r.trainer));
        gn_trainer_run(r.trainer, &b.batch, true);
        CHECK(l->count > l->tensors);
        for (int i = l->tensors; i < l->count; i++) {
            gn_parameter *p = &l->parameter[i];
            const float h = 2e-3f;
            double slope = 0.0, loss[2];
            for (size_t k = 0; k < p->count; k++)
                slope += (double)p->grad[k] * cos((double)k);
            for (int side = 0; side < 2; side++) {
                for (size_t k = 0; k < p->count; k++)
                    p->value[k] += (side ? -2.0f : 1.0f) * h * cosf((float)k);
                gn_learner_merge(l, gn_trainer_crew(r.trainer));
                loss[side] = gn_trainer_run(r.trainer, &b.batch, false);
            }
            for (size_t k = 0; k < p->count; k++)
                p->value[k] += h * cosf((float)k);
            const double measured = (loss[0] - loss[1]) / (2.0 * (double)h);
            if (!CHECK(fabs(measured - slope) <= 2e-2 * fabs(slope) + 2e-3))
                printf("  %s: %g, measured %g\n", p->name, slope, measured);
        }
        check_release(&f);
    }
    rig_close(&r);
}
