/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* davitctl as a child process. */
typedef struct Process {
        pid_t pid;
        int in, out, err; /* our ends of its standard descriptors */
} Process;

/* What the last process to be finished wrote, cut after so many bytes. */
extern char program_out[65536], program_err[8192];

/* Finds the program: $DAVITCTL, else davitctl in $top_builddir. Return: 0; 1 there is none, said as a SKIP.
 */
int program_find(void);

/* Starts it on the bus @address with the words of @line, which "'" may keep together. */
Process program_start(const char *address, const char *line);

/* Waits for its end. Return: its exit status. */
int program_finish(Process *process);

/* Reads up to the end of one line. */
void program_read_line(int fd, char *buffer, size_t size);
