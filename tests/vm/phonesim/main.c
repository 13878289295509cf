/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * phonesim - Android phones that are not there, for the kernel to enumerate.
 *
 *     phonesim serve                  has the phones; events go to standard output
 *     phonesim COMMAND...             asks it for one of these, prints the answer; 1 if it is refused:
 *
 *     plug [N] [OPTION...]            N phones with the serials SIM0001...
 *          --serial S, --prefix P, --mode M, --vid HEX, --pid HEX, --speed hs|fs|ss, --port 0..119,
 *          --product NAME, --manufacturer NAME, --noserial 1, --tells S (another serial, which others may
 *          tell as well), --hang 1 (answers nothing), --delay MS (of each answer)
 *     unplug S|all
 *     mode S|all MODE [MS]            leaves, and comes back after MS (800) on the same port as another
 *          product: adb, mtpadb, mtp, ptp, fastboot, recovery, edl; off stays away until the next mode
 *     flap S N MS                     N times out and in, MS each way
 *     wait S|all [MS]                 until the kernel has enumerated them, at most MS (30000)
 *     list
 *
 * To the kernel each phone is a device of USB/IP, without a network (vhci.c, usbip.c). It answers adb and
 * fastboot well enough for `adb shell`, `adb reboot bootloader` and their like, which change its mode.
 *
 * One loop serves the phones, their timers and who asks; it owns all of them.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "phonesim/command.h"
#include "phonesim/phone.h"
#include "phonesim/usbip.h"
#include "phonesim/vhci.h"

#define SOCKET_PATH "/run/phonesim"
#define REQUEST_MAX 4096
#define WORDS_MAX   64
#define CLIENTS_MAX 16
#define WAIT_MS     20

static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET_PATH};

typedef struct Client {
        int fd;
        char request[REQUEST_MAX]; /* what its answer may still speak of */
        Answer answer;
} Client;

static Client clients[CLIENTS_MAX];

void say(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        putchar('\n');
        fflush(stdout);
}

/* ---- who asks: one request, words with a zero behind each; one answer, the status and a text */

static void client_answer(Client *client) {
        char packet[1 + ANSWER_MAX];
        size_t size = strlen(client->answer.text);

        packet[0] = (char)client->answer.status;
        memcpy(packet + 1, client->answer.text, size);
        (void)!send(client->fd, packet, 1 + size, MSG_NOSIGNAL);
        close(client->fd);
        client->fd = -EBADF;
}

static void client_receive(Client *client) {
        char *words[WORDS_MAX + 1] = {};
        size_t n_words = 0;
        ssize_t size;

        size = recv(client->fd, client->request, sizeof(client->request) - 1, 0);
        if (size <= 0) {
                close(client->fd);
                client->fd = -EBADF;
                return;
        }
        client->request[size] = '\0';
        for (char *word = client->request; word < client->request + size && n_words < WORDS_MAX;
             word += strlen(word) + 1)
                words[n_words++] = word;
        command_run(words, &client->answer);
        if (!client->answer.waits_for)
                client_answer(client);
}

static void clients_accept(int listener) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        for (size_t i = 0; fd >= 0 && i < CLIENTS_MAX; i++)
                if (clients[i].fd < 0) {
                        clients[i].fd = fd;
                        clients[i].answer.waits_for = NULL;
                        return;
                }
        if (fd >= 0)
                close(fd);
}

/* ---- the loop */

static int sooner(int one, int other) {
        return one < 0 ? other : other < 0 ? one : one < other ? one : other;
}

static void phone_receive(Phone *phone) {
        if (usbip_receive(phone))
                return;
        say("%s the kernel has dropped it", phone->serial);
        phone_detach(phone);
}

static void serve_once(int listener) {
        struct pollfd pollers[1 + CLIENTS_MAX + PHONES_MAX];
        int timeout = phones_tick();
        size_t n = 0;

        pollers[n++] = (struct pollfd){listener, POLLIN, 0};
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                if (clients[i].fd >= 0 && clients[i].answer.waits_for) {
                        if (command_check_wait(&clients[i].answer))
                                client_answer(&clients[i]);
                        else
                                timeout = sooner(timeout, WAIT_MS);
                }
                pollers[n++] = (struct pollfd){clients[i].fd, clients[i].answer.waits_for ? 0 : POLLIN, 0};
        }
        /* One that is away has no descriptor, which poll passes over. */
        for (size_t i = 0; i < PHONES_MAX; i++)
                pollers[n++] = (struct pollfd){phones[i].used ? phones[i].fd : -1, POLLIN, 0};

        if (poll(pollers, n, timeout) <= 0)
                return;
        for (size_t i = 0; i < PHONES_MAX; i++)
                if (pollers[1 + CLIENTS_MAX + i].revents && phones[i].fd == pollers[1 + CLIENTS_MAX + i].fd)
                        phone_receive(&phones[i]);
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                if (pollers[1 + i].revents)
                        client_receive(&clients[i]);
        if (pollers[0].revents)
                clients_accept(listener);
}

static int serve(void) {
        int listener;

        if (!vhci_is_there()) {
                fprintf(stderr, "phonesim: there is no vhci_hcd: modprobe vhci-hcd\n");
                return EXIT_FAILURE;
        }
        for (size_t i = 0; i < PHONES_MAX; i++)
                phones[i].fd = -EBADF;
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                clients[i].fd = -EBADF;
        signal(SIGPIPE, SIG_IGN);
        (void)unlink(SOCKET_PATH);
        listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (listener < 0 || bind(listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(listener, CLIENTS_MAX) < 0) {
                perror("phonesim: " SOCKET_PATH);
                return EXIT_FAILURE;
        }
        for (;;)
                serve_once(listener);
}

/* ---- the other side */

static int connect_server(void) {
        /* It may be starting. */
        for (unsigned int i = 0; i < 250; i++) {
                int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

                if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
                        return fd;
                close(fd);
                usleep(20000);
        }
        return -1;
}

static int ask(char **words) {
        static char answer[1 + ANSWER_MAX + 1];
        char request[REQUEST_MAX];
        size_t size = 0;
        ssize_t length;
        int fd;

        for (; *words; words++) {
                size_t n = strlen(*words) + 1;

                if (size + n > sizeof(request))
                        return EXIT_FAILURE;
                memcpy(request + size, *words, n);
                size += n;
        }
        fd = connect_server();
        if (fd < 0 || send(fd, request, size, 0) < 0 ||
            (length = recv(fd, answer, sizeof(answer) - 1, 0)) <= 0) {
                perror("phonesim: " SOCKET_PATH);
                return EXIT_FAILURE;
        }
        fputs(answer + 1, answer[0] == 0 ? stdout : stderr);
        return answer[0];
}

int main(int argc, char **argv) {
        if (argc < 2) {
                fprintf(stderr, "usage: phonesim serve | COMMAND...\n");
                return 2;
        }
        return strcmp(argv[1], "serve") == 0 ? serve() : ask(argv + 1);
}
