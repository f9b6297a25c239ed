/* help.c - what --help, help and completion print, all from the tables. */
#include "app/cli/command.h"

#include <string.h>

/* Its letter, unless an option of the command's own has taken it. */
static char letter_of(const gn_command *c, const gn_option *o) {
    for (const gn_option *own = c->option; own && own->name && o->letter; own++)
        if (own->letter == o->letter && own != o && !gn_command_owns(c, o))
            return 0;
    return o->letter;
}

/* "-n, --n MAX" */
static void spell(gn_str *out, const gn_option *o) {
    if (o->letter)
        gn_str_fmt(out, "-%c, ", o->letter);
    gn_str_fmt(out, "--%s", o->name);
    if (o->argument)
        gn_str_fmt(out, " %s", o->argument);
}

/* The next word of a usage line; what stands in brackets is one. */
static size_t usage_word(const char *p, size_t len) {
    size_t n = 0;
    for (int depth = 0; n < len && (depth > 0 || p[n] != ' '); n++)
        depth += (p[n] == '[') - (p[n] == ']');
    return n;
}

/* One line's words, in at most 79 columns from `column` on; further lines begin at `in`. */
static void print_words(FILE *to, const char *p, size_t len, int column, int in) {
    for (bool first = true; len > 0; first = false) {
        const size_t word = usage_word(p, len);
        if (!first && column + 1 + (int)word > 79) {
            fprintf(to, "\n%*s", in, "");
            column = in;
        } else if (!first) {
            fputc(' ', to);
            column++;
        }
        fwrite(p, 1, word, to);
        column += (int)word;
        p += word + (word < len);
        len -= word + (word < len);
    }
    fputc('\n', to);
}

static void print_lines(FILE *to, const char *text) {
    for (const char *p = text; *p;) {
        const size_t len = strcspn(p, "\n"), in = strspn(p, " ");
        fprintf(to, "%*s", (int)in, "");
        print_words(to, p + in, len - in, (int)in, (int)in);
        p += len + (p[len] == '\n');
    }
}

static void print_usage(FILE *to, const gn_command *c) {
    const char *lead = "usage: ", *p = c->usage;
    do {
        const size_t len = strcspn(p, "\n");
        const int column = fprintf(to, "%sgneiss %s%s", lead, c->name, len ? " " : "");
        print_words(to, p, len, column, 15);
        p += len + (p[len] == '\n');
        lead = "       ";
    } while (*p);
}

/* The names of the shared options in a few lines; `gneiss help options` tells them. */
static void print_shared(FILE *to, const gn_command *c) {
    const gn_option *o;
    int column = 0;
    fprintf(to, "\nAlso (gneiss help options):\n");
    for (int i = 0; (o = gn_command_option(c, i)); i++) {
        if (gn_command_owns(c, o))
            continue;
        gn_str word = {0};
        if (letter_of(c, o))
            gn_str_fmt(&word, "-%c/", o->letter);
        gn_str_fmt(&word, "--%s", o->name);
        if (column + 1 + (int)word.len > 79) {
            fputc('\n', to);
            column = 0;
        }
        fprintf(to, "%s%s", column ? " " : "  ", gn_str_text(&word));
        column += (column ? 1 : 2) + (int)word.len;
        gn_str_release(&word);
    }
    fputc('\n', to);
}

static void print_option(FILE *to, const gn_option *o) {
    gn_str word = {0};
    spell(&word, o);
    const int column = fprintf(to, "  %-26s  ", gn_str_text(&word));
    if (column > 30)
        fprintf(to, "\n%30s", "");
    print_words(to, o->help, strlen(o->help), 30, 30);
    gn_str_release(&word);
}

void gn_help_command(FILE *to, const gn_command *c) {
    const gn_option *o;
    print_usage(to, c);
    fputc('\n', to);
    print_lines(to, c->about ? c->about : c->summary);
    if (c->option && c->option[0].name)
        fputc('\n', to);
    for (int i = 0; (o = gn_command_option(c, i)); i++)
        if (gn_command_owns(c, o))
            print_option(to, o);
    print_shared(to, c);
}

void gn_help_program(FILE *to) {
    int n;
    const gn_command *const *table = gn_command_table(&n);
    fprintf(to, "usage: gneiss COMMAND [ARGUMENT...]\n"
                "       gneiss              chat, on a terminal\n"
                "       gneiss help TOPIC   a command, or: options, settings\n\n");
    for (int i = 0; i < n; i++)
        fprintf(to, "  %-12s%s\n", table[i]->name, table[i]->summary);
    fprintf(to, "\n  --help, --version [--json]\n");
}

/* ---- completion --------------------------------------------------------- */

/* Shell functions are made of these words: commands, and per command its flags,
 * the choices of a flag, and what its first argument may be. */
static void flags_of(FILE *to, const gn_command *c) {
    const gn_option *o;
    for (int i = 0; (o = gn_command_option(c, i)); i++) {
        fprintf(to, "%s--%s", i ? " " : "", o->name);
        if (o->type == GN_TYPE_FLAG && !o->argument && gn_setting_find(gn_slice_of(o->name)))
            fprintf(to, " --no-%s", o->name);
    }
}

static void words_of(FILE *to, const char *words) {
    for (const char *p = words ? words : ""; *p; p++)
        fputc(*p == '|' ? ' ' : *p, to);
}

/* Ids of sessions, for a shell to complete; with names where it shows descriptions. */
#define SESSION_IDS                                                                                \
    "gneiss sessions --limit 50 --json 2>/dev/null | sed -n "                                      \
    "'s/^{.*\"id\":\"\\([0-9A-Z]*\\)\".*/\\1/p'"
#define SESSION_IDS_AND_NAMES                                                                      \
    "gneiss sessions --limit 50 --json 2>/dev/null | sed -n "                                      \
    "'s/^{.*\"id\":\"\\([0-9A-Z]*\\)\",\"name\":\"\\([^\"]*\\).*/\\1\\t\\2/p'"

/* Does an option's argument name a session? */
static bool wants_session(const gn_option *o) {
    return o->argument && (strcmp(o->argument, "S") == 0 || strcmp(o->argument, "S@N") == 0);
}

/* "sessions:show|sessions:export", what stands before a session's name. */
static void before_session(FILE *to, const gn_command *c) {
    const char *lead = "";
    for (const char *p = c->of_session ? c->of_session : ""; *p;) {
        const size_t n = strcspn(p, "|");
        fprintf(to, "%s%s:%.*s", lead, c->name, (int)n, p);
        lead = "|";
        p += n + (p[n] == '|');
    }
}

static void bash(FILE *to, const gn_command *const *table, int n) {
    fputs("# bash completion for gneiss: eval \"$(gneiss completion bash)\"\n"
          "_gneiss() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W \"",
          to);
    for (int i = 0; i < n; i++)
        fprintf(to, "%s ", table[i]->name);
    fputs("--help --version\" -- \"$cur\"))\n        return\n    fi\n"
          "    case ${COMP_WORDS[1]}:$prev in\n",
          to);
    const gn_option *o;
    for (int i = 0; i < n; i++)
        for (int k = 0; (o = gn_command_option(table[i], k)); k++)
            if (o->type == GN_TYPE_CHOICE) {
                fprintf(to, "    %s:--%s) words='", table[i]->name, o->name);
                words_of(to, o->choice);
                fputs("' ;;\n", to);
            } else if (wants_session(o))
                fprintf(to, "    %s:--%s) words=$(" SESSION_IDS ") ;;\n", table[i]->name, o->name);
    for (int i = 0; i < n; i++)
        if (table[i]->of_session) {
            fputs("    ", to);
            before_session(to, table[i]);
            fputs(") words=$(" SESSION_IDS ") ;;\n", to);
        }
    fputs("    esac\n    if [ -n \"$words\" ]; then\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n        return\n    fi\n"
          "    case ${COMP_WORDS[1]} in\n",
          to);
    for (int i = 0; i < n; i++) {
        fprintf(to, "    %s) words='", table[i]->name);
        flags_of(to, table[i]);
        fputs("'\n        [ \"$COMP_CWORD\" -eq 2 ] && words=\"$words ", to);
        words_of(to, table[i]->words);
        fputs("\" ;;\n", to);
    }
    fputs("    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "    [ \"${#COMPREPLY[@]}\" -eq 0 ] && COMPREPLY=($(compgen -f -- \"$cur\"))\n"
          "}\ncomplete -o filenames -F _gneiss gneiss\n",
          to);
}

/* In single quotes, for zsh's and fish's descriptions. */
static void describe(FILE *to, const char *text, const char *also) {
    for (const char *p = text; *p; p++)
        if (strchr(also, *p))
            fprintf(to, "\\%c", *p);
        else if (*p == '\'')
            fputs("'\\''", to);
        else
            fputc(*p, to);
}

static void zsh(FILE *to, const gn_command *const *table, int n) {
    const gn_option *o;
    fputs("#compdef gneiss\n_gneiss_sessions() {\n    local -a ids\n    ids=(${(f)\"$(" SESSION_IDS
          ")\"})\n    compadd -a ids\n}\n_gneiss() {\n    local -a commands\n    commands=(\n",
          to);
    for (int i = 0; i < n; i++) {
        fprintf(to, "        '%s:", table[i]->name);
        describe(to, table[i]->summary, ":");
        fputs("'\n", to);
    }
    fputs("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n"
          "        return\n    fi\n    local name=$words[2]\n    shift words\n    (( CURRENT-- ))\n"
          "    case $name in\n",
          to);
    for (int i = 0; i < n; i++) {
        fprintf(to, "    %s) _arguments -s", table[i]->name);
        for (int k = 0; (o = gn_command_option(table[i], k)); k++) {
            fprintf(to, " \\\n        '--%s[", o->name);
            describe(to, o->help, "[]:");
            fputc(']', to);
            if (o->type == GN_TYPE_CHOICE) {
                fputs(":value:(", to);
                words_of(to, o->choice);
                fputc(')', to);
            } else if (wants_session(o))
                fputs(":session:_gneiss_sessions", to);
            else if (o->argument)
                fputs(":value:_files", to);
            fputc('\'', to);
        }
        if (table[i]->words) {
            fputs(" \\\n        '1:what:(", to);
            words_of(to, table[i]->words);
            fputs(")'", to);
        }
        if (table[i]->of_session)
            fputs(" \\\n        '2:session:_gneiss_sessions'", to);
        fputs(" '*:file:_files' ;;\n", to);
    }
    fputs("    esac\n}\ncompdef _gneiss gneiss\n", to);
}

static void fish(FILE *to, const gn_command *const *table, int n) {
    const gn_option *o;
    fputs("function __gneiss_sessions\n    " SESSION_IDS_AND_NAMES "\nend\n", to);
    for (int i = 0; i < n; i++) {
        fprintf(to, "complete -c gneiss -n __fish_use_subcommand -f -a %s -d '", table[i]->name);
        describe(to, table[i]->summary, "");
        fputs("'\n", to);
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; (o = gn_command_option(table[i], k)); k++) {
            fprintf(to, "complete -c gneiss -n '__fish_seen_subcommand_from %s' -l %s",
                    table[i]->name, o->name);
            if (letter_of(table[i], o))
                fprintf(to, " -s %c", o->letter);
            if (o->type == GN_TYPE_CHOICE) {
                fputs(" -x -a '", to);
                words_of(to, o->choice);
                fputs("'", to);
            } else if (wants_session(o))
                fputs(" -x -a '(__gneiss_sessions)'", to);
            else if (o->argument && o->argument[0] != '[')
                fputs(" -r", to);
            fputs(" -d '", to);
            describe(to, o->help, "");
            fputs("'\n", to);
        }
        if (table[i]->words) {
            fprintf(to, "complete -c gneiss -n '__fish_seen_subcommand_from %s' -a '",
                    table[i]->name);
            words_of(to, table[i]->words);
            fputs("'\n", to);
        }
        if (table[i]->of_session) {
            fprintf(to,
                    "complete -c gneiss -n '__fish_seen_subcommand_from %s; and "
                    "__fish_seen_subcommand_from ",
                    table[i]->name);
            words_of(to, table[i]->of_session);
            fputs("' -f -a '(__gneiss_sessions)'\n", to);
        }
    }
}

bool gn_help_completion(FILE *to, const char *shell, gn_error *e) {
    int n;
    const gn_command *const *table = gn_command_table(&n);
    if (strcmp(shell, "bash") == 0)
        bash(to, table, n);
    else if (strcmp(shell, "zsh") == 0)
        zsh(to, table, n);
    else if (strcmp(shell, "fish") == 0)
        fish(to, table, n);
    else
        return gn_fail(e, GN_INVALID, "completion: want bash, zsh or fish, not '%.40s'", shell);
    return true;
}
