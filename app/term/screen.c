/* screen.c - see screen.h. The only file that knows curses.
 *
 * Curses keeps what the terminal shows and sends the difference. Keys are read as
 * bytes by whoever owns the loop, so keypad mode stays off here.
 */
#define NCURSES_WIDECHAR 1
#include "app/term/screen.h"

#include <curses.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

struct gn_screen {
    SCREEN *curses;
    int rows, cols;
    bool color, mouse;
    attr_t attribute[GN_STYLES];
    short pair[GN_STYLES];
};

/* ---- when all goes wrong ------------------------------------------------ */

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { N_FAULTS = sizeof faults / sizeof faults[0] };

/* What the fault handler needs: nothing in it may call into curses. */
static struct {
    struct termios before;
    char bytes[256]; /* sent to the terminal */
    size_t n;
    volatile sig_atomic_t armed;
    struct sigaction old[N_FAULTS];
} rescue;

static void on_fault(int signal_number) {
    if (rescue.armed) {
        rescue.armed = 0;
        if (write(STDOUT_FILENO, rescue.bytes, rescue.n) >= 0)
            tcsetattr(STDIN_FILENO, TCSANOW, &rescue.before);
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void rescue_add(const char *capability) {
    const char *text = tigetstr(capability);
    if (text && text != (char *)-1 && rescue.n + strlen(text) < sizeof rescue.bytes) {
        memcpy(rescue.bytes + rescue.n, text, strlen(text));
        rescue.n += strlen(text);
    }
}

static void arm(void) {
    static const char always[] = "\x1b[?2004l\x1b[?1000l\x1b[?1006l";
    memcpy(rescue.bytes, always, sizeof always - 1);
    rescue.n = sizeof always - 1;
    rescue_add("sgr0");
    rescue_add("cnorm");
    rescue_add("rmcup");
    struct sigaction act = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    for (int i = 0; i < N_FAULTS; i++)
        sigaction(faults[i], &act, &rescue.old[i]);
    rescue.armed = 1;
}

static void disarm(void) {
    rescue.armed = 0;
    for (int i = 0; i < N_FAULTS; i++)
        sigaction(faults[i], &rescue.old[i], NULL);
}

/* ---- life --------------------------------------------------------------- */

static void send_modes(const gn_screen *s, bool on) {
    char text[64];
    const int n = snprintf(text, sizeof text, "\x1b[?2004%c%s", on ? 'h' : 'l',
                           !s->mouse ? ""
                           : on      ? "\x1b[?1000h\x1b[?1006h"
                                     : "\x1b[?1006l\x1b[?1000l");
    fwrite(text, 1, (size_t)n, stdout);
    fflush(stdout);
}

static void choose_styles(gn_screen *s) {
    static const struct {
        attr_t attribute;
        short color; /* -1: the terminal's own */
    } style[GN_STYLES] = {
        [GN_STYLE_PLAIN] = {A_NORMAL, -1},
        [GN_STYLE_DIM] = {A_DIM, -1},
        [GN_STYLE_BOLD] = {A_BOLD, -1},
        [GN_STYLE_TITLE] = {A_BOLD, -1},
        [GN_STYLE_STATUS] = {A_REVERSE, -1},
        [GN_STYLE_USER] = {A_BOLD, COLOR_CYAN},
        [GN_STYLE_MODEL] = {A_BOLD, COLOR_GREEN},
        [GN_STYLE_NOTE] = {A_NORMAL, COLOR_YELLOW},
        [GN_STYLE_ERROR] = {A_BOLD, COLOR_RED},
        [GN_STYLE_SELECTED] = {A_REVERSE, -1},
        [GN_STYLE_MATCH] = {A_REVERSE, COLOR_YELLOW},
        [GN_STYLE_LIKELY] = {A_DIM, COLOR_CYAN},
        [GN_STYLE_UNLIKELY] = {A_UNDERLINE, COLOR_YELLOW},
        [GN_STYLE_WILD] = {A_BOLD, COLOR_RED},
        [GN_STYLE_STRONG] = {A_BOLD | A_UNDERLINE, -1},
        [GN_STYLE_EMPHASIS] = {A_UNDERLINE, -1},
        [GN_STYLE_CODE] = {A_NORMAL, COLOR_CYAN},
    };
    if (s->color) {
        start_color();
        use_default_colors();
    }
    for (int i = 0; i < GN_STYLES; i++) {
        s->attribute[i] = style[i].attribute;
        s->pair[i] = 0;
        if (s->color && style[i].color >= 0 && init_pair((short)(i + 1), style[i].color, -1) == OK)
            s->pair[i] = (short)(i + 1);
    }
}

gn_screen *gn_screen_open(bool color, bool mouse, gn_error *e) {
    gn_screen *s = calloc(1, sizeof *s);
    if (!s) {
        gn_fail(e, GN_NO_MEMORY, "screen: out of memory");
        return NULL;
    }
    tcgetattr(STDIN_FILENO, &rescue.before);
    s->curses = newterm(NULL, stdout, stdin);
    if (!s->curses) {
        const char *term = getenv("TERM");
        gn_fail(e, GN_IO,
                "this terminal (TERM=%.40s) cannot show a screen; gneiss run works on any",
                term ? term : "");
        free(s);
        return NULL;
    }
    s->color = color && has_colors();
    s->mouse = mouse;
    raw();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    leaveok(stdscr, FALSE);
    choose_styles(s);
    arm();
    send_modes(s, true);
    getmaxyx(stdscr, s->rows, s->cols);
    gn_screen_measure(s);
    return s;
}

/* Where there is no second screen to leave, the last row is made free for the shell. */
static void end_curses(const gn_screen *s) {
    const char *second = tigetstr("rmcup");
    send_modes(s, false);
    curs_set(1);
    if (!second || second == (char *)-1) {
        move(s->rows - 1, 0);
        clrtoeol();
        refresh();
    }
    endwin();
}

void gn_screen_close(gn_screen *s) {
    if (!s)
        return;
    end_curses(s);
    disarm();
    delscreen(s->curses);
    free(s);
}

void gn_screen_leave(gn_screen *s) {
    end_curses(s);
    rescue.armed = 0;
}

void gn_screen_return(gn_screen *s) {
    rescue.armed = 1;
    raw();
    noecho();
    nonl();
    send_modes(s, true);
    gn_screen_measure(s);
    clearok(curscr, TRUE);
    doupdate();
}

void gn_screen_size(const gn_screen *s, int *rows, int *cols) {
    *rows = s->rows;
    *cols = s->cols;
}

bool gn_screen_measure(gn_screen *s) {
    struct winsize w = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_row == 0 || w.ws_col == 0 ||
        (w.ws_row == s->rows && w.ws_col == s->cols))
        return false;
    s->rows = w.ws_row;
    s->cols = w.ws_col;
    resizeterm(s->rows, s->cols);
    clearok(curscr, TRUE);
    return true;
}

void gn_screen_forget(gn_screen *s) {
    (void)s;
    clearok(curscr, TRUE);
}

/* ---- drawing ------------------------------------------------------------ */

/* A cluster as curses takes it: one letter with marks. Where the C library and we do
 * not agree on columns the letter is replaced, so that nothing moves. Returns the
 * columns that were filled. */
static int put(gn_screen *s, int row, int col, const gn_cell *cell) {
    wchar_t text[CCHARW_MAX + 1];
    int n = 0;
    const gn_slice all = {cell->text, cell->len};
    int32_t cp;
    for (size_t i = 0, len; n < CCHARW_MAX && (len = gn_utf8_next(all, i, &cp)) > 0; i += len) {
        if (n > 0 && wcwidth((wchar_t)cp) != 0)
            break; /* what a joiner joined: the first stands for all */
        text[n++] = (wchar_t)cp;
    }
    text[n] = 0;
    const int width = n > 0 ? wcwidth(text[0]) : -1;
    if (width < 1 || width > cell->columns) {
        text[0] = L'?';
        text[1] = 0;
    }
    cchar_t c;
    const attr_t attribute = s->attribute[cell->style];
    setcchar(&c, text, attribute, s->pair[cell->style], NULL);
    mvadd_wch(row, col, &c);
    return width < 1 || width > cell->columns ? 1 : width;
}

void gn_screen_show(gn_screen *s, const gn_canvas *c) {
    const int rows = c->rows < s->rows ? c->rows : s->rows,
              cols = c->cols < s->cols ? c->cols : s->cols;
    static const gn_cell space = {.text = " ", .len = 1, .columns = 1};
    erase();
    for (int row = 0; row < rows; row++)
        for (int col = 0; col < cols;) {
            const gn_cell *cell = &c->cell[row * c->cols + col];
            const int wide = cell->columns > 0 ? cell->columns : 1;
            int done = cell->len == 1 && cell->text[0] == ' ' && cell->style == GN_STYLE_PLAIN
                           ? 1
                           : put(s, row, col, cell->len ? cell : &space);
            for (; done < wide; done++)
                put(s, row, col + done, &space);
            col += wide;
        }
    curs_set(c->cursor ? 1 : 0);
    if (c->cursor)
        move(c->cursor_row, c->cursor_col);
    refresh();
}
