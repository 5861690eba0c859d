/* Publishing to a queue that drops duplicates (topology/dedup.h), at its home. */
#include "message/message_header.h"
#include "paging/journal.h"
#include "queue/queue_lives.h"
#include "queue/queue_private.h"
#include "topology/dedup.h"

static enum confirm_answer queue_take_confirmed(struct queue *q, struct message *m, bool is_kept,
                                                struct confirm_sink *sink, uint64_t number)
{
    enum confirm_answer answer = queue_take_message(q, m, is_kept);
    if (answer == CONFIRM_LATER && sink)
        journal_confirm(&q->lanes, sink, number);
    return answer;
}

enum confirm_answer queue_take_again(struct queue *q, struct message *m, struct confirm_sink *sink,
                                     uint64_t number)
{
    return queue_take_confirmed(q, m, true, sink, number);
}

enum confirm_answer queue_take_once(struct queue *q, struct message *m, struct confirm_sink *sink,
                                    uint64_t number)
{
    struct dedup_claims claims = {0};
    if (!q->entry.dedup)
        return queue_take_confirmed(q, m, false, sink, number);
    if (queue_is_deleted(q))
        return CONFIRM_GONE;
    if (!dedup_admits(q->entry.dedup, message_headers(m), &claims)) {
        if (message_life(m))
            queue_life_event(q, message_life(m), LIFE_DUPLICATE);
        return dedup_answer_duplicate(&claims, sink, number);
    }
    if (!claims.first)
        return queue_take_confirmed(q, m, false, sink, number);
    struct dedup_publish *publish = dedup_publish_begin(q->entry.home, &claims, m->is_persistent);
    struct confirm_answers answers = {0};
    confirm_answers_add(&answers,
                        queue_take_confirmed(q, m, false, dedup_publish_sink(publish), 0));
    return dedup_publish_end(&publish, &answers, sink, number);
}
