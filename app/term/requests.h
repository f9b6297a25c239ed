/* requests.h - everything a key can ask for: one list.
 *
 *   X(NAME, "name", write keys, read keys, help)
 *
 * Keys are separated by spaces; "" for none. The list makes the enum, the default
 * key table, `gneiss keys`, the help screen and the words a keys file may use.
 */
#ifndef GN_TUI_REQUESTS_H
#define GN_TUI_REQUESTS_H

#define GN_REQUESTS(X)                                                                             \
    X(SEND, "send", "Enter", "", "send what is written")                                           \
    X(NEWLINE, "newline", "Alt+Enter Ctrl+J", "", "begin a new line")                              \
    X(ESCAPE, "escape", "Esc", "Esc", "stop the reply; else read the conversation")                \
    X(CANCEL, "cancel", "Ctrl+C", "Ctrl+C", "stop the reply; else clear the input")                \
    X(END, "end", "Ctrl+D", "", "quit, on an empty line")                                          \
    X(WRITE, "write", "", "i a", "write a message")                                                \
    X(UP, "history-up", "Up", "", "line above; on the first, what was sent before")                \
    X(DOWN, "history-down", "Down", "", "line below; on the last, what was sent after")            \
    X(COMPLETE, "complete", "Tab", "", "complete a command")                                       \
    X(POP, "pop", "Ctrl+X", "", "take back the last message that waits")                           \
    X(EDITOR, "editor", "Ctrl+G", "", "write in an editor")                                        \
    X(NEXT, "next", "", "j Down", "next message")                                                  \
    X(PREVIOUS, "previous", "", "k Up", "previous message")                                        \
    X(PAGE_UP, "page-up", "PgUp", "PgUp b", "a page back")                                         \
    X(PAGE_DOWN, "page-down", "PgDn", "PgDn Space", "a page on")                                   \
    X(TOP, "top", "Ctrl+Home", "g Home", "the beginning")                                          \
    X(BOTTOM, "bottom", "Ctrl+End", "G End", "the end")                                            \
    X(SEARCH, "search", "", "/", "search")                                                         \
    X(SEARCH_NEXT, "search-next", "", "n", "next match")                                           \
    X(SEARCH_BACK, "search-back", "", "N", "match before")                                         \
    X(COMMAND, "command", "", ":", "run a request or slash command")                               \
    X(REGENERATE, "regenerate", "Alt+R Alt+r", "r", "answer again, beside the old answer")         \
    X(UNDO, "undo", "", "u", "back to before the last message")                                    \
    X(REDO, "redo", "", "U", "undo the undo")                                                      \
    X(SIBLING_LEFT, "sibling-left", "Alt+Left", "[", "the answer before, of several")              \
    X(SIBLING_RIGHT, "sibling-right", "Alt+Right", "]", "the answer after, of several")            \
    X(FORK, "fork", "", "f", "a branch from the selected message on")                              \
    X(PIN, "pin", "", "P", "keep the state at the end of the selected message, or no longer")      \
    X(BETTER, "rate-up", "", "+", "rate the selected reply: good")                                 \
    X(WORSE, "rate-down", "", "-", "rate the selected reply: bad")                                 \
    X(COPY, "copy", "", "y",                                                                       \
      "copy a block of code: the first of the selected message, else the last")                    \
    X(RAW, "raw", "", "m", "markdown as it was written, or shown as it is meant")                  \
    X(FOLD, "fold", "", "z",                                                                       \
      "fold thoughts and long code of a message, else the message; or unfold")                     \
    X(TOKENS, "tokens", "F4", "F4 t",                                                              \
      "the tokens of the selected message, else of the last reply")                                \
    X(PROBS, "probs", "Alt+P Alt+p", "p", "show how likely each token was, or no longer")          \
    X(EDIT, "edit", "", "e", "edit the selected message; the new one stands beside the old")       \
    X(OPEN, "open", "", "Enter", "open, choose, or go on from what is marked")                     \
    X(LEFT, "left", "", "Left", "the token before")                                                \
    X(RIGHT, "right", "", "Right", "the token after")                                              \
    X(WILDEST, "wildest", "", "", "the least likely token")                                        \
    X(SURPRISE_NEXT, "surprise-next", "", "", "the next surprising token")                         \
    X(SURPRISE_BACK, "surprise-back", "", "", "the surprising token before")                       \
    X(EVAL, "eval", "F6", "F6 v", "the newest evaluation, as it grows")                            \
    X(PAUSE, "pause", "", "", "pause the evaluation, or go on with it")                            \
    X(SKIP, "skip", "", "", "give up the answer that is being written")                            \
    X(FILTER, "filter", "", "", "which samples: all, wrong, flips, invalid, failed")               \
    X(REQUEUE, "requeue", "", "", "ask the selected sample again")                                 \
    X(REQUEST_JSON, "request-json", "", "", "the selected sample's requests and answers, raw")     \
    X(PANE, "pane", "", "", "the other pane")                                                      \
    X(SESSIONS, "sessions", "F2", "F2 s", "all conversations, and the tree of one")                \
    X(MAXIMISE, "maximise", "", "O", "one half of the screen alone, or both")                      \
    X(MARK, "mark", "", "", "mark, or no longer: to compare two, to drop")                         \
    X(COMPARE, "compare", "F5", "F5 c",                                                            \
      "side by side: the two marked texts, or an answer and the others")                           \
    X(ARCHIVE, "archive", "", "", "put a conversation away, or (:archived) back; :rm! deletes it") \
    X(SEARCH_UP, "search-up", "", "", "search upwards")                                            \
    X(FLIP_NEXT, "next-flip", "", "", "the next question that was answered differently")           \
    X(FLIP_BACK, "flip-before", "", "", "the one before it")                                       \
    X(DIFFERENCE, "difference", "", "", "where the answers part")                                  \
    X(DIFFERENCE_NEXT, "next-difference", "", "", "the next difference further down")              \
    X(WORDS, "words", "", "", "differences by words, or by tokens")                                \
    X(ONLY, "only-different", "", "", "leave out lines that are the same, or show them")           \
    X(FORCE, "force", "", "", "have the second model read the first one's answer")                 \
    X(SUMMARISE, "summarise", "", "", "a summary in place of the older half, in a new branch")     \
    X(DROP, "drop", "", "", "choose turns to drop, in a new branch")                               \
    X(GO_ON, "go-on", "", "", "go on until the context is full")                                   \
    X(HELP, "help", "F1", "F1 h ?", "this help")                                                   \
    X(REDRAW, "redraw", "Ctrl+L", "Ctrl+L", "draw the screen again")                               \
    X(SUSPEND, "suspend", "Ctrl+Z", "Ctrl+Z", "back to the shell; fg returns")                     \
    X(BACK, "back", "", "q", "leave this view")                                                    \
    X(QUIT, "quit", "", "Q", "quit")

/* Keys that a view has beyond those, or instead: X(view, keys, REQUEST). */
#define GN_VIEW_KEYS(X)                                                                            \
    X("full", "s", SUMMARISE)                                                                      \
    X("full", "d", DROP)                                                                           \
    X("full", "c", GO_ON)                                                                          \
    X("drop", "Space", MARK)                                                                       \
    X("tokens", "h", LEFT)                                                                         \
    X("tokens", "l", RIGHT)                                                                        \
    X("tokens", "w", WILDEST)                                                                      \
    X("tokens", "s", SURPRISE_NEXT)                                                                \
    X("tokens", "S", SURPRISE_BACK)                                                                \
    X("compare", "@", FLIP_NEXT)                                                                   \
    X("compare", "!", FLIP_BACK)                                                                   \
    X("compare", "[", DIFFERENCE)                                                                  \
    X("compare", "]", DIFFERENCE_NEXT)                                                             \
    X("compare", "w", WORDS)                                                                       \
    X("compare", "=", ONLY)                                                                        \
    X("compare", "K", FORCE)                                                                       \
    X("eval", "p", PAUSE)                                                                          \
    X("eval", "x", SKIP)                                                                           \
    X("eval", "o", FILTER)                                                                         \
    X("eval", "R", REQUEUE)                                                                        \
    X("eval", "J", REQUEST_JSON)                                                                   \
    X("eval", "Tab", PANE)                                                                         \
    X("sessions", "Tab", PANE)                                                                     \
    X("sessions", "Space", MARK)                                                                   \
    X("sessions", "c", COMPARE)                                                                    \
    X("sessions", "d", ARCHIVE)                                                                    \
    X("sessions", "?", SEARCH_UP)

typedef enum gn_request {
    GN_REQUEST_NONE,
#define X(NAME, name, write, read, help) GN_REQUEST_##NAME,
    GN_REQUESTS(X)
#undef X
        GN_REQUEST_SLASH, /* a slash command bound to a key; its text is the argument */
    GN_REQUEST_COUNT
} gn_request;

#endif
