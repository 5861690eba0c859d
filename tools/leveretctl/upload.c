#include "leveretctl/upload.h"

enum { PART_BYTES = 256 * 1024 /* a request has at most 1 MiB */ };

json_t *upload_request(struct slice text, size_t *at)
{
    size_t n = text.n - *at < PART_BYTES ? text.n - *at : PART_BYTES;
    while (*at + n < text.n && (text.p[*at + n] & 0xc0) == 0x80)
        n--;
    json_t *request =
        json_pack("{s:s, s:s%}", "command", "upload", "text", (const char *)text.p + *at, n);
    *at += n;
    return request;
}

static int ask_once(struct ask *ask, json_t *request, json_t **ret)
{
    json_t *line = NULL;
    int err = ask_send(ask, request);
    json_decref(request);
    while (err == 0 && (err = ask_line(ask, &line)) == 0 && json_is_array(line))
        json_decref(line);
    if (err == 0)
        *ret = line;
    return err;
}

int upload_and_ask(struct ask *ask, struct slice text, json_t *request, json_t **ret)
{
    int err = 0;
    for (size_t at = 0; at < text.n && err == 0;) {
        json_t *answer = NULL;
        err = ask_once(ask, upload_request(text, &at), &answer);
        json_decref(answer);
    }
    if (err == 0)
        return ask_once(ask, request, ret);
    json_decref(request);
    return err;
}
