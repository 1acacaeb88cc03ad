/*
 * leave: the signal's handler, and the text that it finds ready.
 */
#include "controller/ctl/leave.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The handler may come in the middle of a leave_set: it writes the one that is whole. */
static char texts[2][LEAVE_TEXT_SIZE + 2];
static volatile sig_atomic_t whole;
static struct sigaction before;

static void say_and_end(int number)
{
    const char *text = texts[whole];
    ssize_t put = write(STDERR_FILENO, text, strlen(text));

    (void)put;
    sigaction(number, &before, NULL);
    raise(number);
}

void leave_begin(void)
{
    struct sigaction action = {.sa_handler = say_and_end};

    sigaction(SIGINT, NULL, &before);
    if (before.sa_handler == SIG_DFL)
        sigaction(SIGINT, &action, NULL);
}

/* On a terminal ^C stands in a line that is not ended. */
void leave_set(const char *text)
{
    int next = 1 - whole;

    snprintf(texts[next], sizeof(texts[next]), "%s%.*s\n", isatty(STDERR_FILENO) ? "\n" : "",
             LEAVE_TEXT_SIZE - 1, text);
    whole = next;
}

void leave_end(void)
{
    sigaction(SIGINT, &before, NULL);
}
