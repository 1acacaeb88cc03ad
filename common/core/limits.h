/*
 * limits: the largest of everything that a peer, a file or the kernel can hand us.
 *
 * Compared before anything is allocated. Raising one is a decision about memory, not a fix.
 */
#ifndef COMMON_CORE_LIMITS_H
#define COMMON_CORE_LIMITS_H

enum {
    NAME_SIZE = 64,    /* node, witness, change, check: [a-z0-9-]{1,63} and NUL */
    DEVICE_SIZE = 16,  /* IFNAMSIZ */
    REASON_SIZE = 256, /* why, for people; longer ones are cut */
    SENTENCE_SIZE = 200,
    HOST_SIZE = 256, /* a DNS name (RFC 1035) or an address in text */
    URL_SIZE = 512,
    TEXT_SIZE = 1024, /* a change's reason or justification */

    FLEET_MAX = 1024, /* agents of one fleet: entries of its roster */
    NODES_MAX = 64,   /* of them, nodes and witnesses of one change, and of fleet.yaml */
    STAGES_MAX = 64,
    OPERATIONS_MAX = 256, /* for one node */
    CHECKS_MAX = 64,      /* that concern one node */
    FLOWS_MAX = 32,       /* protected flows of one node */
    LIFTS_MAX = 64,       /* ends and quarantines that one approval lifts */
    SIGNATURES_MAX = 8,
    KEYS_MAX = 64,        /* in the trust root */
    GENERATIONS_MAX = 32, /* confirmed, on one node's stack */
    ENDS_MAX = 256,       /* receipts of ended attempts that a node remembers */
    TOMBSTONES_MAX = 32,  /* of them, of attempts that were aborted before they were made */
    STATEMENTS_MAX = 128, /* carried by one start: of each of NODES_MAX by guard and by agent */
    VERDICTS_MAX = 64,    /* in one statement or report */
    ADDRESSES_PER_NODE_MAX = 16,
    PEERS_MAX = 4096,       /* of one tailscaled */
    ROUTES_MAX = 1 << 21,   /* in one snapshot */
    LINKS_MAX = 1 << 16,    /* and addresses, rules, nexthop objects: each */
    HOPS_MAX = 8192,        /* of one route */
    MEMBERS_MAX = 8192,     /* of one nexthop group: more than an attribute of the kernel's holds */
    RAW_SIZE_MAX = 1 << 16, /* the kernel's message of one object */

    FILE_PATH_SIZE = 128,     /* of a configuration file that a change writes */
    FILE_CONTENT_SIZE = 4096, /* what a change writes into it, and NUL */
    FILE_SIZE_MAX = 1 << 16,  /* what was in it before */
    FILES_MAX = 512,          /* in one snapshot */

    MANIFEST_SIZE_MAX = 1 << 20,
    FRAME_SIZE_MAX = 64 << 20, /* controller side: a snapshot of a full table */
    COMMAND_SIZE_MAX = 2 << 20,
    DOCUMENT_SIZE_MAX = 8 << 20, /* LocalAPI answer, HTTP body */
    YAML_SIZE_MAX = 1 << 20,
};

#endif
