/*
 * render: what oceanidctl prints: a manifest from its own bytes, verdicts, gates, times; the same
 * as documents for -o json. Colours only on a terminal.
 */
#ifndef CONTROLLER_CTL_RENDER_H
#define CONTROLLER_CTL_RENDER_H

#include <jansson.h>

#include "common/change/manifest.h"
#include "common/change/proof.h"
#include "common/io/wire.h"

/* Prints and releases. */
void render_document_take(json_t *document);

/* "pass" in green, "fail" in red, "unknown" in yellow; in a field of `width` columns. */
void render_value(const char *value, int width);

/* "3 s ago", "never" for 0. */
const char *render_age(long long at, char *to, size_t size);
/* "2026-11-24 14:30:05 CET", local time; "-" for 0. */
const char *render_time(long long at, char *to, size_t size);

/* Indented; the title beside the first. */
void render_texts(const char *title, const json_t *lines);

/* One line a gate of docs/api.md, with its evidence: all of it where it does not pass, else that of
 * the first node and of the whole fleet. */
void render_gates(const json_t *gates);

/* "waits for calypso's guard to prepare, since 2026-01-01 12:00:00", and below it "goes on by
 * itself, nothing to do; to end it: `oceanidctl rollout abort`". Nothing where it waits for
 * nothing. */
void render_wait(const json_t *rollout);

/* VERDICT of docs/api.md; node may be "". One that does not pass and does not count is "(warning)".
 */
void render_verdict(const json_t *verdict, const char *node);

/* Everything that a signature would stand for. approval may be NULL. */
void render_manifest(const struct manifest *manifest, const struct hash *body,
                     const struct approval *approval);
json_t *render_manifest_json(const struct manifest *manifest, const struct hash *body,
                             const struct approval *approval);

#endif
