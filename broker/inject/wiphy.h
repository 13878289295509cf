/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

/*
 * Radios ("wiphy" in the kernel's words) and what works on them ("wdev"), as one network namespace has them.
 * A radio is in one namespace at a time, with all that works on it.
 *
 * Its number is not used again as long as the module that gives it out, cfg80211, is not loaded anew; that of
 * a wdev not on the same radio. Both stay what they are in every namespace.
 */

/* Settings of a radio that somebody may have made. */
typedef enum WiphySetting {
        WIPHY_RETRY_SHORT,
        WIPHY_RETRY_LONG,
        WIPHY_FRAGMENT,
        WIPHY_RTS,
        WIPHY_COVERAGE,
        WIPHY_SETTING_MAX,
        WIPHY_SETTING_INVALID = -EINVAL,
} WiphySetting;

#define WIPHY_NAME_SIZE 64

typedef struct Wiphy {
        char name[WIPHY_NAME_SIZE];
        uint32_t settings[WIPHY_SETTING_MAX];
        bool has[WIPHY_SETTING_MAX];
} Wiphy;

typedef struct Wdev {
        uint32_t wiphy;
        uint32_t id;
        uint32_t ifindex; /* 0: it is no network interface, as one for Wi-Fi Direct */
        uint32_t type;    /* enum nl80211_iftype */
        bool four_address;
} Wdev;

/* How many are looked at in one go: radios have a few, but their root may make more. */
#define WDEV_LIST_MAX 32

typedef struct WdevList {
        Wdev items[WDEV_LIST_MAX];
        size_t n_items;
        bool more; /* than the list takes */
} WdevList;

typedef struct WiphySocket WiphySocket;

/* Opened in the namespace @netns_fd or, for a negative one, in our own. Return: 0; -ENODEV the kernel knows
 * no Wi-Fi; errno. */
int wiphy_socket_open(int netns_fd, WiphySocket **ret);
WiphySocket *wiphy_socket_close(WiphySocket *socket);
DEFINE_CLEANUP(WiphySocket *, wiphy_socket_close);

/* Whether the interface @name of our namespace is on a radio, as far as /sys tells. */
bool wiphy_has_link(const char *name);

/* Return: 0; -ENODEV it is not in this namespace; errno. */
int wiphy_read(WiphySocket *socket, uint32_t wiphy, Wiphy *ret);
/* Return: 0; -EINVAL it cannot be called so, or another one is; errno. */
int wiphy_rename(WiphySocket *socket, uint32_t wiphy, const char *name);
/* Return: 0; -EOPNOTSUPP the driver has no such setting; errno. */
int wiphy_set(WiphySocket *socket, uint32_t wiphy, WiphySetting setting, uint32_t value);

/**
 * wiphy_move() - move a radio, and all that works on it, to another namespace
 *
 * Interfaces whose name is taken there get another one, "wlanN"; all are down then.
 *
 * Return: 0; -EOPNOTSUPP its driver does not want that; -EEXIST an alternative name of one is taken there;
 * errno.
 */
int wiphy_move(WiphySocket *socket, uint32_t wiphy, int netns_fd);

/* All on one radio. Return: 0; errno. */
int wdev_get_all(WiphySocket *socket, uint32_t wiphy, WdevList *ret);
/* Return: 0; -ENODEV there is none in this namespace; errno. */
int wdev_get(WiphySocket *socket, uint32_t wiphy, uint32_t id, Wdev *ret);
int wdev_get_link(WiphySocket *socket, uint32_t ifindex, Wdev *ret);

/* Makes one on the radio @like->wiphy, with the type of @like. Return: 0; -EEXIST the name is taken; errno.
 */
int wdev_make(WiphySocket *socket, const Wdev *like, const char *name, Wdev *ret);
/* Gives @wdev, which is down, the type of @like. Return: 0; errno. */
int wdev_set_type(WiphySocket *socket, const Wdev *wdev, const Wdev *like);
/* Return: 0, also when it is gone; errno. */
int wdev_delete(WiphySocket *socket, const Wdev *wdev);
