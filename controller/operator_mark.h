/*
 * operator_mark: what tells an operator's certificate from an agent's: both are clients of the same
 * CA. A name with dots, which no node can have; oceanidctl puts it in, the controller looks for it.
 */
#ifndef CONTROLLER_OPERATOR_MARK_H
#define CONTROLLER_OPERATOR_MARK_H

#define OPERATOR_MARK "operator.oceanid.invalid"

#endif
