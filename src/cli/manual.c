/* The page of the manual, for man(1), from what the commands say to --help. */
#define _GNU_SOURCE
#include <string.h>

#include "cli.h"

/* n characters as roff has them, where a line begins. */
static void put(const char *text, size_t n) {
  if (n && (*text == '.' || *text == '\'')) fputs("\\&", stdout);
  for (size_t i = 0; i < n; i++) {
    if (text[i] == '-' || text[i] == '\\')
      fputs(text[i] == '-' ? "\\-" : "\\e", stdout);
    else
      putchar(text[i]);
  }
}

static void put_line(const char *before, const char *text, size_t n) {
  fputs(before, stdout);
  put(text, n);
  putchar('\n');
}

/* "  -o, --output OUT   what it does": a term and its text, two spaces or more between them. */
static void put_item(const char *text, size_t n) {
  size_t term = 0;
  while (term < n && strncmp(text + term, "  ", 2)) term++;
  size_t rest = term + strspn(text + term, " ");
  put_line(".TP\n.B ", text, term < n ? term : n);
  if (rest < n) put_line("", text + rest, n - rest);
}

/* Lines of help: those that are indented a little begin an item, those that are indented far go on with it. */
static void put_help(const char *help) {
  enum { ITEM = 2, FAR = 8 };
  for (const char *end; *help; help = *end ? end + 1 : end) {
    end = strchrnul(help, '\n');
    size_t indent = strspn(help, " "), n = (size_t)(end - help);
    if (!n)
      fputs(".PP\n", stdout);
    else if (indent >= ITEM && indent < FAR)
      put_item(help + indent, n - indent);
    else
      put_line("", help + indent, n - indent);
  }
}

static void put_command(const command *c) {
  printf(".SS %s\n.B kvino %s\n", c->name, c->name);
  put_line("", c->arguments, strlen(c->arguments));
  put_line(".PP\n", c->summary, strlen(c->summary));
  put_help(c->help);
}

void print_manual(size_t n, const command *const *commands, const char *general) {
  printf(".TH KVINO 1 \"\" \"kvino %s\" \"User commands\"\n", kvino_version());
  fputs(".SH NAME\nkvino \\- Keras 3 on OpenVINO, from the shell\n"
        ".SH SYNOPSIS\n.B kvino\n.I COMMAND\n[\\fIARGUMENTS\\fR]\n"
        ".SH DESCRIPTION\n"
        "Reads model files as Keras saves them (.keras, .h5), graphs that kvino saved (.kvino) and OpenVINO's IR "
        "(.xml),\n"
        "without Python, and runs them through OpenVINO or by kernels of its own.\n"
        ".SH COMMANDS\n",
        stdout);
  for (size_t i = 0; i < n; i++) put_command(commands[i]);
  fputs(".SH OPTIONS\n", stdout);
  put_help(general);
  fputs(".SH EXIT STATUS\n"
        "0: done. 1: it could not be done, or (verify) results differ. 2: wrong usage.\n"
        ".SH ENVIRONMENT\n"
        ".TP\n.B KVINO_OPENVINO\nWhere OpenVINO's C library is.\n"
        ".TP\n.B KVINO_THREADS\nHow many threads are used.\n"
        ".TP\n.B KVINO_ISA\nThe kernels that are used at most.\n",
        stdout);
}
