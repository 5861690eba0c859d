/* Answers are sent to the publisher's loop: directly if it is the calling one, else by mail. */
#include "message/confirm.h"

static void confirm_answer_mail(struct loop *at, struct mail *mail)
{
    struct confirm_sink *sink = mail->a;
    struct message *message = mail->b;
    lv_assert(sink->loop == at);
    sink->answer(sink, mail->c, (enum confirm_answer)mail->d, message);
    if (message)
        message_unref(&message);
}

void confirm_sink_answer(struct loop *loop, struct confirm_sink *sink, uint64_t number,
                         enum confirm_answer answer, struct message *message)
{
    lv_assert(!loop_current() || loop_current() == loop);
    lv_assert(answer != CONFIRM_LATER);
    lv_assert(!message || answer == CONFIRM_GONE);
    if (sink->loop == loop) {
        sink->answer(sink, number, answer, message);
        return;
    }
    struct mail mail = {
        .deliver = confirm_answer_mail,
        .a = sink,
        .b = message ? message_ref(message) : NULL,
        .c = number,
        .d = answer,
    };
    loop_mail(loop, sink->loop, &mail);
}
