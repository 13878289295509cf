/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#define ANSWER_MAX 65536

typedef struct Answer {
        int status; /* 0, 1: refused */
        char text[ANSWER_MAX];
        const char *waits_for; /* a serial or "all": there is no answer before these are configured */
        int64_t until_ms;
} Answer;

/* Does what is asked for; @words ends with NULL. */
void command_run(char **words, Answer *ret_answer);

/* Answers one that waits. Return: 1, it is answered; 0, not yet. */
int command_check_wait(Answer *answer);
