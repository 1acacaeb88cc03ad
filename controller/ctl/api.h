/*
 * api: the controller's HTTP API (docs/api.md), over its local socket or HTTPS with a client
 * certificate. The only place of oceanidctl that talks to a network.
 */
#ifndef CONTROLLER_CTL_API_H
#define CONTROLLER_CTL_API_H

#include "common/core/bytes.h"
#include "common/core/err.h"
#include "controller/ctl/field.h"

struct api;

/* pki: the directory with ca.pem, operator.pem and operator.key; only HTTPS reads them. */
struct api *api_new(const char *url, const char *pki, struct err *err);
void api_free(struct api *api);

struct api_answer {
    long status;   /* 0: none came */
    uint8_t *data; /* owned, with a NUL behind its last byte; may be NULL */
    size_t len;
};
void api_answer_done(struct api_answer *answer);
#define AUTO_ANSWER __attribute__((cleanup(api_answer_done)))

/* One call. False unless the status is 2xx, then with the controller's own words: ERR_INPUT,
 * ERR_DENIED, ERR_MISSING, ERR_CONFLICT; ERR_TIMEOUT when it is not reachable, ERR_SYSTEM when it
 * could not be asked with the directory's files. ret_answer is the caller's to end either way. */
bool api_call(struct api *api, const char *method, const char *path, struct bytes body,
              struct api_answer *ret_answer, struct err *err);

/* Both clocks when it answered last. False: it has not said what time it has. */
bool api_clocks(const struct api *api, int64_t *ret_own, int64_t *ret_controllers);

/* Whether a call failed without a word of the controller's. */
bool api_is_unanswered(const struct err *err);

/* The same with documents. body is taken and may be NULL; ret_document may be NULL. */
bool api_get(struct api *api, const char *path, json_t **ret_document, struct err *err);
bool api_send_take(struct api *api, const char *method, const char *path, json_t *body,
                   json_t **ret_document, struct err *err);

#endif
