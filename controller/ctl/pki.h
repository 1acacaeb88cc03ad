/*
 * pki: the operator's keys, the fleet's CA and what is copied from them to the controller.
 */
#ifndef CONTROLLER_CTL_PKI_H
#define CONTROLLER_CTL_PKI_H

#include "controller/ctl/ctl.h"

enum { PKI_LEAF_DAYS = 730, PKI_CA_DAYS = 3650, PKI_SKEW_S = 3600 };

enum outcome pki_init_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome pki_renew_run(struct ctl *ctl, const struct arguments *arguments);

#endif
