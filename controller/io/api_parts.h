/*
 * api_parts: what the api's files share and nobody else sees.
 */
#ifndef CONTROLLER_IO_API_PARTS_H
#define CONTROLLER_IO_API_PARTS_H

#include <jansson.h>

#include "controller/io/api.h"
#include "controller/io/json.h"

#define AUTO_JSON __attribute__((cleanup(api_release)))
void api_release(json_t **document);

/* Take the document. */
void api_answer_json(struct http_call *call, unsigned status, json_t *document);
void api_answer_bytes(struct http_call *call, const char *type, struct bytes bytes);
void api_refuse(struct http_call *call, const struct err *err);
/* The same with the document's members beside the error. */
void api_refuse_with(struct http_call *call, const struct err *err, json_t *document);

/* The body as a JSON object; NULL: refused already. An empty one is an empty object. */
json_t *api_read_json(struct http_call *call);
/* A text of it within size; "" when it is not given. False: refused already. */
bool api_read_text(struct http_call *call, const json_t *body, const char *key, char *to,
                   size_t size);
/* A number of the path or the query; false: refused already. */
bool api_read_number(struct http_call *call, const char *what, const char *text,
                     uint64_t *ret_number);

/* word: what stood for '*' in the path, "" without one. */
typedef void (*api_fn)(struct api *api, struct http_call *call, const char *word);

/* In api_fleet.c. */
void api_get_health(struct api *api, struct http_call *call, const char *word);
void api_get_nodes(struct api *api, struct http_call *call, const char *word);
void api_get_node(struct api *api, struct http_call *call, const char *word);
void api_get_snapshot(struct api *api, struct http_call *call, const char *word);
void api_get_roster(struct api *api, struct http_call *call, const char *word);
void api_put_roster(struct api *api, struct http_call *call, const char *word);
void api_get_fleet(struct api *api, struct http_call *call, const char *word);
void api_get_checks(struct api *api, struct http_call *call, const char *word);

/* In api_plan.c. */
void api_post_plan(struct api *api, struct http_call *call, const char *word);
void api_get_preflight(struct api *api, struct http_call *call, const char *word);
void api_post_rollout(struct api *api, struct http_call *call, const char *word);

/* In api_rollout.c. */
void api_get_rollouts(struct api *api, struct http_call *call, const char *word);
void api_get_rollout(struct api *api, struct http_call *call, const char *word);
void api_post_next(struct api *api, struct http_call *call, const char *word);
void api_post_abort(struct api *api, struct http_call *call, const char *word);
void api_post_emergency(struct api *api, struct http_call *call, const char *word);
void api_get_emergency(struct api *api, struct http_call *call, const char *word);
void api_post_losses(struct api *api, struct http_call *call, const char *word);
void api_post_void(struct api *api, struct http_call *call, const char *word);

/* In api_record.c. */
void api_get_holds(struct api *api, struct http_call *call, const char *word);
void api_post_hold(struct api *api, struct http_call *call, const char *word);
void api_delete_hold(struct api *api, struct http_call *call, const char *word);
void api_get_audit(struct api *api, struct http_call *call, const char *word);
void api_get_receipts(struct api *api, struct http_call *call, const char *word);

#endif
