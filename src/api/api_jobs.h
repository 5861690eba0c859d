/* Answering with a job (manage/jobs.h). */
#ifndef LEVERET_API_API_JOBS_H
#define LEVERET_API_API_JOBS_H

#include "api/api_private.h"

/* Answers with a job that was started: when it has ended, or with 202 and its address. If it was
 * not started, or has failed, refuses. Frees the error. */
void api_answer_job(struct api_call *c, bool is_started, uint64_t id, struct manage_error *error);

#endif
