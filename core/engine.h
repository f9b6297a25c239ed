/* engine.h - what the files of core/ share of an engine. Nobody above includes it. */
#ifndef GN_ENGINE_H
#define GN_ENGINE_H

#include "core/cpu/cpu.h"
#include "core/gneiss.h"
#include "core/model/forward.h"

enum { GN_MAX_EOS = 16 };

struct gn_engine {
    char *path, *name;
    gn_tensors *tensors;
    gn_arena arena; /* values read from the checkpoint's small files */
    gn_config config;
    gn_device *device;
    char no_gpu[512];   /* why the GPU was not taken or was left, "" if nobody asked for one */
    gn_cpu_options cpu; /* how the processor computes, should the GPU be left */
    int asked_batch;    /* batch_tokens as they were asked for; 0: the backend's own */
    gn_weights *weights;
    gn_model model;
    gn_plan *plan;

    gn_tokenizer *tokenizer;
    bool encoded; /* it has read its merges */
    gn_str template_source;
    const char *template_origin; /* "option", "chat_template.jinja", ... */
    gn_template *template;       /* parsed at its first use */

    int32_t eos[GN_MAX_EOS];
    int n_eos;
    gn_sampling sampling;
    int64_t context;
    size_t state_mem;
    bool trust_states;
    int batch_tokens;
    gn_str warnings;
    char sha[GN_SHA256_HEX]; /* "" until it was asked for */
};

/* Names of the small files of a folder, and how a GGUF says the same. */
bool gn_engine_read_texts(gn_engine *g, const char *folder, const gn_engine_options *o,
                          gn_error *e);

#endif
