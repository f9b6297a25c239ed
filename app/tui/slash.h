/* slash.h - the commands of a chat: /regen, /undo, ... One list, as requests.h. */
#ifndef GN_TUI_SLASH_H
#define GN_TUI_SLASH_H

#include "core/gneiss.h"

#define GN_SLASHES(X)                                                                              \
    X(REGEN, "/regen", "[N]", "answer message N (the last) again, beside the old answer")          \
    X(CONTINUE, "/continue", "", "go on with a reply that was stopped, or that you edited")        \
    X(EDIT, "/edit", "[N]", "edit message N (the last); the new one stands beside the old")        \
    X(PREFIX, "/prefix", "[TEXT]", "what the next reply begins with")                              \
    X(INSPECT, "/inspect", "[N]", "the tokens of message N (the last): how likely, what else")     \
    X(PROBS, "/probs", "", "show how likely each token was, or no longer")                         \
    X(UNDO, "/undo", "", "back to before the last message; nothing is lost")                       \
    X(REDO, "/redo", "", "undo the undo")                                                          \
    X(FORK, "/fork", "[NAME]", "a branch from here on, called NAME")                               \
    X(GOTO, "/goto", "NAME|N", "to the end of a branch, or to message N")                          \
    X(TREE, "/tree", "", "the tree of this conversation, beside all others (F2)")                  \
    X(SEARCH, "/search", "WORDS", "to the newest message, on any branch, that holds the words")    \
    X(NEW, "/new", "", "begin a new conversation")                                                 \
    X(OPEN, "/open", "S", "open a conversation by name, the beginning of its id, or -1")           \
    X(NAME, "/name", "[TEXT]", "name the conversation")                                            \
    X(PRIVATE, "/private", "", "keep what follows off the disk, or on it again")                   \
    X(PIN, "/pin", "[N]", "keep the state at the end of message N (the last), or no longer")       \
    X(RATE, "/rate", "+|-|0", "rate the selected reply, else the last")                            \
    X(SYSTEM, "/system", "[TEXT]", "show or change the system prompt; \"\": the template's own")   \
    X(PROMPT, "/prompt", "NAME [VAR=VALUE]", "a saved system prompt, with its variables")          \
    X(DOC, "/doc", "FILE", "a document in front, as the template has them (reads all again)")      \
    X(TOOLS, "/tools", "[FILE|none]", "tool definitions in front, JSON; nothing is ever run")      \
    X(TOOL, "/tool", "TEXT|@FILE", "answer a call of the model's")                                 \
    X(SET, "/set", "[NAME [VALUE]]", "show or change a setting")                                   \
    X(READ, "/read", "FILE[:A-B]|!CMD",                                                            \
      "into the message: a file, lines of it, a command's output")                                 \
    X(FRAGMENT, "/fragment", "NAME [FILE]",                                                        \
      "a text by name, its state kept for all that begin with it; FILE makes it")                  \
    X(QUEUE, "/queue", "[N|drop N]", "edit message N of those that wait (the last), or drop it")   \
    X(COPY, "/copy", "[N]", "copy block N of code (the last)")                                     \
    X(EXPORT, "/export", "[md|json|txt|html] [FILE]", "this branch as a file")                     \
    X(MODEL, "/model", "[NAME]", "go on with another model; says what is read again")              \
    X(STATS, "/stats", "", "speed and reuse of each reply")                                        \
    X(CONTEXT, "/context", "", "what takes how much of the context")                               \
    X(SHOW, "/show", "prompt|tokens|settings|model|state", "what the model reads, how, and where") \
    X(COMPARE, "/compare", "[N]", "message N (the last) beside the other answers (F5)")            \
    X(HELP, "/help", "[X]", "keys and commands; at X, if it is named")                             \
    X(QUIT, "/quit", "", "quit")

typedef enum gn_slash {
    GN_SLASH_NONE,
#define X(NAME, name, argument, help) GN_SLASH_##NAME,
    GN_SLASHES(X)
#undef X
        GN_SLASH_COUNT
} gn_slash;

/* "/set temp .7" to the command and what follows. An unknown one: GN_INVALID with the nearest; and
 * one that takes nothing, where something follows. */
gn_slash gn_slash_parse(gn_slice line, gn_slice *argument, gn_error *e);
const char *gn_slash_name(int i); /* i from 1; NULL past the last */
const char *gn_slash_help(int i);
const char *gn_slash_argument(int i); /* "[N]"; "" for none */
void gn_slash_text(gn_str *out);      /* a line each */

#endif
