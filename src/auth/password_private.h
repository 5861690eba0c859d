/* Shared by password.c and password_scrypt.c. */
#ifndef LEVERET_AUTH_PASSWORD_PRIVATE_H
#define LEVERET_AUTH_PASSWORD_PRIVATE_H

#include "auth/password.h"

/* Like the functions of password.h, for scrypt. */
bool scrypt_hash(struct slice password, char ret_text[PASSWORD_HASH_TEXT_MAX]);
void scrypt_hash_of_nothing(char ret_text[PASSWORD_HASH_TEXT_MAX]);
int scrypt_hash_check(struct slice text);
bool scrypt_verify(struct slice text, struct slice password);

#endif
