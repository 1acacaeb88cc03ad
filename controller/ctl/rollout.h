/*
 * rollout: starting a change or a signed manifest, watching it, going on, taking it back.
 */
#ifndef CONTROLLER_CTL_ROLLOUT_H
#define CONTROLLER_CTL_ROLLOUT_H

#include "controller/ctl/ctl.h"

enum outcome rollout_start_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome rollout_watch_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome rollout_show_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome rollout_list_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome rollout_pause_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome rollout_resume_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome rollout_next_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome rollout_abort_run(struct ctl *ctl, const struct arguments *arguments);

#endif
