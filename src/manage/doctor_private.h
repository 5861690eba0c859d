/* What the files of the doctor share. */
#ifndef LEVERET_MANAGE_DOCTOR_PRIVATE_H
#define LEVERET_MANAGE_DOCTOR_PRIVATE_H

#include <jansson.h>

#include "manage/doctor_rules.h"
#include "manage/listing.h"
#include "manage/manage.h"

/* --- findings: doctor_report.c ---------------------------------------------------------------- */

/* Of each rule that many findings are shown; of the others there is the number. */
enum { DOCTOR_FINDINGS_MAX = 20 };

struct finding {
    enum severity severity;
    uint64_t weight;
    json_t *object;   /* owned */
    json_t *evidence; /* owned */
};

/* All zero: nothing is found yet. */
struct doctor_report {
    uint64_t counts[SEVERITIES]; /* of all findings */
    struct rule_findings {
        uint64_t count;                         /* of all */
        size_t kept;                            /* how many are kept */
        struct finding of[DOCTOR_FINDINGS_MAX]; /* the gravest first */
    } rules[DOCTOR_RULES_COUNT];
};

/* Have every rule of this kind look, and keep what it finds. Pure. */
#define EXAMINE_DECLARE(kind)                                                                      \
    void doctor_examine_##kind(struct doctor_report *r, const struct kind##_look *look);
DOCTOR_LOOKS(EXAMINE_DECLARE)
#undef EXAMINE_DECLARE

/* Returns the report as JSON, which the caller owns: manage/doctor.h. `node` is the node's name. */
json_t *doctor_report_json(const struct doctor_report *r, const char *node, uint64_t period_s,
                           uint64_t covered_s);
void doctor_report_free(struct doctor_report *r);

/* --- gathering -------------------------------------------------------------------------------- */

struct diagnosis {
    struct manage *m;
    uint64_t period_ms;
    struct doctor_report report;
    /* The vhosts whose content the actor may see, in the order of their names; owned, each. */
    struct slice *vhosts;
    size_t vhost_count, vhost_capacity;
    /* By loop: its busiest queue. The strings are owned. */
    struct busy_queue {
        struct slice vhost, name;
        uint64_t moved;
    } busiest[LOOPS_MAX];
    uint64_t blocked; /* connections */
};

/* Each examines its kind of objects. Return 0 or ERR_CLOSED; RCU as for ask_every_loop(). */
int diagnose_queues(struct diagnosis *d);
int diagnose_sessions(struct diagnosis *d);
void diagnose_exchanges(struct diagnosis *d);
/* The node, its loops, certificates and logins. Call it last: it needs what the others have found
 * out. Sets *ret_covered_s to how much of the period the samples cover. */
void diagnose_node(struct diagnosis *d, uint64_t *ret_covered_s);

/* Returns whether the vhost is one of those that the actor may see. Any thread. */
bool diagnosis_sees(const struct diagnosis *d, struct slice vhost);

#endif
