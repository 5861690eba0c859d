/* Answering with a job (manage/jobs.h). */
#ifndef LEVERET_API_API_JOBS_H
#define LEVERET_API_API_JOBS_H

#include "api/api_private.h"
#include "manage/jobs.h"

/* Answers with a job that was started: when it has ended, or with 202 and its address. If it was
 * not started, or has failed, refuses. Frees the error. */
void api_answer_job(struct api_call *c, bool is_started, uint64_t id, struct manage_error *error);

/* For answers that are not the job alone: waits for its end, but not for longer than an answer may
 * take, nor with `async=true`. Returns its facts, which the caller frees with free(), or NULL after
 * refusing, as if it was not started. Frees the error then. */
struct job_facts *api_await_job(struct api_call *c, bool is_started, uint64_t id,
                                struct manage_error *error);
/* Answers with a job: with 202 and its address if it has not ended, or with `async=true`. */
void api_show_job(struct api_call *c, const struct job_facts *f);

#endif
