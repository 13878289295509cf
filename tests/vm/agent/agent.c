/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The guest's end of the wire: runs the host's commands, over virtio-serial ports named vm.exec.N.
 *
 * There is one process per port, found through /sys/class/virtio-ports, so that neither udev nor a network
 * is needed. A port runs one command at a time.
 *
 * The host speaks
 *
 *     MAGIC(8) TOKEN(8)           a session begins; may come at any time, and ends what was before
 *     TYPE LENGTH(4) DATA         C: a command for /bin/sh -c; I: bytes of its input; E: its input ends
 *
 * and is answered
 *
 *     MAGIC(8) TOKEN(8)           the session is ours; the host drops all that comes before it
 *     TYPE LENGTH(4) DATA         O: output; R: errors; X: the exit status, 128+N for signal N
 *
 * Numbers are little-endian, as both sides are. A session that ends takes the command's process group along.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORTS_FOLDER "/sys/class/virtio-ports"
#define PORTS        8
#define GREETING     16
#define HEADER       5
#define MESSAGE_MAX  (1024 * 1024)
#define CHUNK        32768

/* "Closed, opened" of a host that comes back at once travels by another queue than its data, and may be seen
 * after the first of them: only a port that is closed for half a second is believed to be. */
#define CLOSED_ROUNDS   25
#define CLOSED_ROUND_US 20000

static const char magic[8] = "\0VMAGT\1\n";

typedef struct Command {
        pid_t pid;
        int input, output, errors;
} Command;

typedef struct Port {
        int fd;
        bool in_session;
        unsigned int closed_rounds;
        Command command;
        size_t received;
        char buffer[MESSAGE_MAX];
} Port;

static void close_fd(int *fd) {
        if (*fd >= 0)
                close(*fd);
        *fd = -EBADF;
}

/* ---- to the host */

static int port_write(const Port *port, const void *data, size_t size) {
        const char *next = data;
        unsigned int closed = 0;

        while (size > 0) {
                ssize_t written = write(port->fd, next, size);

                if (written > 0) {
                        next += written;
                        size -= (size_t)written;
                } else if (written < 0 && errno == EAGAIN) {
                        struct pollfd poller = {port->fd, POLLOUT, 0};

                        if (poll(&poller, 1, 1000) > 0 && (poller.revents & POLLHUP)) {
                                if (++closed > 2 * CLOSED_ROUNDS)
                                        return -EPIPE;
                                usleep(CLOSED_ROUND_US);
                        }
                } else if (written == 0 || errno != EINTR) {
                        return -EIO;
                }
        }
        return 0;
}

static int port_send(const Port *port, char type, const void *data, uint32_t size) {
        char message[HEADER + CHUNK];

        message[0] = type;
        memcpy(message + 1, &size, sizeof(size));
        memcpy(message + HEADER, data, size);
        return port_write(port, message, HEADER + size);
}

/* ---- the command */

static void command_end(Command *command) {
        if (command->pid > 0) {
                kill(-command->pid, SIGHUP);
                kill(-command->pid, SIGKILL);
                waitpid(command->pid, NULL, 0);
        }
        command->pid = 0;
        close_fd(&command->input);
        close_fd(&command->output);
        close_fd(&command->errors);
}

static void command_start(Command *command, const char *text) {
        int input[2], output[2], errors[2];

        command_end(command);
        if (pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0)
                _exit(EXIT_FAILURE);

        command->pid = fork();
        if (command->pid == 0) {
                setsid();
                dup2(input[0], STDIN_FILENO);
                dup2(output[1], STDOUT_FILENO);
                dup2(errors[1], STDERR_FILENO);
                signal(SIGPIPE, SIG_DFL);
                if (chdir("/root") == 0)
                        execl("/bin/sh", "sh", "-c", text, (char *)NULL);
                _exit(127);
        }
        close(input[0]);
        close(output[1]);
        close(errors[1]);
        command->input = input[1];
        command->output = output[0];
        command->errors = errors[0];
}

static void command_feed(Command *command, const char *data, size_t size) {
        while (size > 0 && command->input >= 0) {
                ssize_t written = write(command->input, data, size);

                if (written <= 0) {
                        close_fd(&command->input);
                        return;
                }
                data += written;
                size -= (size_t)written;
        }
}

/* Passes on what is there. Return: whether there may be more. */
static bool forward(Port *port, char type, int fd) {
        char data[CHUNK];
        ssize_t size = read(fd, data, sizeof(data));

        if (size <= 0)
                return false;
        if (port_send(port, type, data, (uint32_t)size) < 0) {
                command_end(&port->command);
                port->in_session = false;
                return false;
        }
        return true;
}

static void forward_rest(Port *port, char type, int fd) {
        if (fd < 0)
                return;
        fcntl(fd, F_SETFL, O_NONBLOCK);
        while (forward(port, type, fd))
                ;
}

/* It has ended when the shell has: what daemons that it left behind hold open does not count. */
static void reap(Port *port) {
        Command *command = &port->command;
        uint32_t status;
        int wait_status;

        if (command->pid <= 0 || waitpid(command->pid, &wait_status, WNOHANG) != command->pid)
                return;
        forward_rest(port, 'O', command->output);
        forward_rest(port, 'R', command->errors);
        status = WIFEXITED(wait_status) ? (uint32_t)WEXITSTATUS(wait_status)
                                        : 128 + (uint32_t)WTERMSIG(wait_status);
        command->pid = 0;
        command_end(command);
        port_send(port, 'X', &status, sizeof(status));
}

/* ---- from the host */

static void consume(Port *port, size_t size) {
        port->received -= size;
        memmove(port->buffer, port->buffer + size, port->received);
}

static void session_end(Port *port) {
        command_end(&port->command);
        port->in_session = false;
        port->received = 0;
}

/* Of several greetings the last one counts. */
static void take_greetings(Port *port) {
        char *found;

        while ((found = memmem(port->buffer, port->received, magic, sizeof(magic))) &&
               port->buffer + port->received - found >= GREETING) {
                command_end(&port->command);
                port->in_session = port_write(port, found, GREETING) >= 0;
                consume(port, (size_t)(found - port->buffer) + GREETING);
        }
}

static void take_message(Port *port, char type, const char *data, size_t size) {
        char *text;

        switch (type) {
        case 'C':
                text = strndup(data, size);
                if (text)
                        command_start(&port->command, text);
                free(text);
                break;
        case 'I':
                command_feed(&port->command, data, size);
                break;
        case 'E':
                close_fd(&port->command.input);
                break;
        default:
                break;
        }
}

static void take_messages(Port *port) {
        while (port->in_session && port->received >= HEADER) {
                uint32_t size;

                memcpy(&size, port->buffer + 1, sizeof(size));
                if (size > sizeof(port->buffer) - HEADER) {
                        session_end(port);
                        return;
                }
                if (port->received < HEADER + size)
                        return;
                take_message(port, port->buffer[0], port->buffer + HEADER, size);
                consume(port, HEADER + size);
        }
}

static void port_read(Port *port) {
        ssize_t size = read(port->fd, port->buffer + port->received, sizeof(port->buffer) - port->received);

        if (size < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (size <= 0) {
                if (port->closed_rounds < CLOSED_ROUNDS)
                        port->closed_rounds++;
                else
                        session_end(port);
                usleep(CLOSED_ROUND_US);
                return;
        }
        port->closed_rounds = 0;
        port->received += (size_t)size;
        take_greetings(port);
        take_messages(port);
}

static void port_serve(const char *path) {
        static Port port = {.fd = -EBADF, .command = {0, -EBADF, -EBADF, -EBADF}};
        Command *command = &port.command;

        while ((port.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
                usleep(200000);
        for (;;) {
                struct pollfd pollers[] = {
                        {port.fd, POLLIN, 0},
                        {command->output, POLLIN, 0},
                        {command->errors, POLLIN, 0},
                };

                /* That a child ended is not told to a poll. */
                poll(pollers, 3,
                     command->pid > 0 ? (command->output < 0 && command->errors < 0 ? 5 : 20) : -1);
                if (pollers[1].revents && !forward(&port, 'O', command->output))
                        close_fd(&command->output);
                if (pollers[2].revents && command->errors >= 0 && !forward(&port, 'R', command->errors))
                        close_fd(&command->errors);
                reap(&port);
                if (pollers[0].revents)
                        port_read(&port);
        }
}

/* ---- the ports */

static bool has_name(const char *device, const char *name) {
        char path[512], text[64] = "";
        FILE *file;
        bool same;

        snprintf(path, sizeof(path), PORTS_FOLDER "/%s/name", device);
        file = fopen(path, "re");
        if (!file)
                return false;
        same = fgets(text, sizeof(text), file) && strncmp(text, name, strlen(name)) == 0;
        fclose(file);
        return same;
}

/* The node of the port vm.exec.@number. Return: whether there is one. */
static bool find_port(unsigned int number, char path[static 512]) {
        struct dirent *entry;
        bool found = false;
        char name[64];
        DIR *folder;

        folder = opendir(PORTS_FOLDER);
        if (!folder)
                return false;
        snprintf(name, sizeof(name), "vm.exec.%u\n", number);
        while (!found && (entry = readdir(folder))) {
                found = has_name(entry->d_name, name);
                if (found)
                        snprintf(path, 512, "/dev/%s", entry->d_name);
        }
        closedir(folder);
        return found;
}

int main(void) {
        char path[512];

        signal(SIGPIPE, SIG_IGN);
        /* Nothing of our own service: a daemon that is started by hand must not take it for its own. */
        clearenv();
        setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
        setenv("HOME", "/root", 1);
        setenv("LANG", "C.UTF-8", 1);

        for (unsigned int number = 0; number < PORTS; number++) {
                if (fork() != 0)
                        continue;
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                /* The driver may still be at work. */
                while (!find_port(number, path))
                        usleep(100000);
                port_serve(path);
        }
        for (;;)
                pause();
}
