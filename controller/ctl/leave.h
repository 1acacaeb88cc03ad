/*
 * leave: what is said when the operator leaves with ^C what goes on without him. It is said at
 * once, also while a call waits for its answer; then the program ends by that signal, as any other.
 */
#ifndef CONTROLLER_CTL_LEAVE_H
#define CONTROLLER_CTL_LEAVE_H

enum { LEAVE_TEXT_SIZE = 512 };

/* From now on until leave_end; nothing where ^C is ignored (a job in the background). */
void leave_begin(void);
/* One line without its end; may be called again. */
void leave_set(const char *text);
void leave_end(void);

#endif
