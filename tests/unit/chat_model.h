/* chat_model.h - a model one can talk to: weights of the tree, a tokenizer of 97 tokens, a template
 * of one's own. Include after temporary.h. */
#ifndef GN_TESTS_CHAT_MODEL_H
#define GN_TESTS_CHAT_MODEL_H

#include "core/gneiss.h"

#define TURN(content)                                                                              \
    "{% for m in messages %}<|start|>{{ m.role }}<|role|>{{ " content                              \
    " }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|start|>assistant<|role|>{% endif %}"

enum { END = 96 };

/* 97 tokens: letters, a line break, two merges, three marks. */
static void put_tokenizer(void) {
    static const char *const mark[] = {"<|start|>", "<|role|>", "<|end|>"};
    gn_str text = {0};
    gn_str_puts(&text, "{\"version\":\"1.0\",\"added_tokens\":[");
    for (int i = 0; i < 3; i++)
        gn_str_fmt(&text,
                   "%s{\"id\":%d,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,"
                   "\"rstrip\":false,\"normalized\":false,\"special\":true}",
                   i ? "," : "", END - 2 + i, mark[i]);
    gn_str_puts(&text, "],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\","
                       "\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},"
                       "\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\"},"
                       "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,"
                       "\"ignore_merges\":false,\"vocab\":{\"\xc4\xa0\":0,\"\xc4\x8a\":1");
    for (int id = 2; id < 92; id++) {
        const char c = (char)('!' + id - 2);
        gn_str_fmt(&text, ",\"%s%c\":%d", c == '"' || c == '\\' ? "\\" : "", c, id);
    }
    gn_str_puts(&text, ",\"th\":92,\"he\":93},\"merges\":[\"t h\",\"h e\"]}}");
    put("tokenizer.json", text.data, text.len);
    gn_str_release(&text);
}

/* The model's folder, in the program's own; without a final slash. */
static inline const char *put_chat_model(const char *template) {
    static const char *const file[] = {"config.json", "model.safetensors"};
    static char folder[256];
    gn_error error = {0};
    put_tokenizer();
    put("chat_template.jinja", template, strlen(template));
    for (int i = 0; i < 2; i++) {
        char path[256];
        gn_str bytes = {0};
        snprintf(path, sizeof path, "tests/oracle/models/hybrid_moe/%s", file[i]);
        if (!gn_file_read(&bytes, path, 0, &error)) {
            printf("%s\n", error.message);
            exit(2);
        }
        put(file[i], bytes.data, bytes.len);
        gn_str_release(&bytes);
    }
    snprintf(folder, sizeof folder, "%s", in_folder(""));
    folder[strlen(folder) - 1] = '\0';
    return folder;
}

#endif
