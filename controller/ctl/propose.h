/*
 * propose: a first fleet.yaml from what joined nodes say of themselves, for people to correct.
 *
 * Pure: the snapshots come in, a text and its doubts come out. What a snapshot does not tell is a
 * comment, never a guess that looks like a fact.
 */
#ifndef CONTROLLER_CTL_PROPOSE_H
#define CONTROLLER_CTL_PROPOSE_H

#include <stdio.h>

#include "common/net/protect.h"
#include "common/net/snapshot.h"

struct propose_node {
    char name[NAME_SIZE];
    bool witness_only;
    const struct snapshot *snapshot; /* borrowed; NULL: none came */
    char host_key[80];               /* as its witnesses see it at seen_at; "" for unknown */
    struct address seen_at;

    /* Found by propose_write. */
    struct address ssh;
    bool exit_node, api_server;
};

struct propose {
    uint32_t nodes_count;
    struct propose_node *nodes; /* borrowed */
    uint32_t left_out_count;    /* have joined too, but a fleet.yaml takes no more */
    char left_out[NAME_SIZE];   /* the first of them */
    uint32_t controllers_count;
    struct protect_endpoint controllers[8];

    /* Found by propose_write. */
    struct prefix pods, services;
};

/* fleet.yaml to `file`; to `notes` a line for each thing that it could not know or that has to be
 * looked at, which `file` has as comments as well. */
void propose_write(struct propose *propose, FILE *file, FILE *notes);

#endif
