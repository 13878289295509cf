# SPDX-License-Identifier: LGPL-2.1-or-later
"""latency.py PLUGS HOST INSIDE: the table of tests/vm/latency, from what probe/stamp.c wrote on the host and inside."""

import sys

ROWS = (
    ("udev", "udevd's broadcast"),
    ("node", "node usable inside"),
    ("event", "event read inside"),
)


def read(path, what):
    """By name and turn (a number is used again), nanoseconds. Of each phone only its plug is counted."""
    stamps, turns = {}, {}
    with open(path, encoding="ascii") as file:
        for line in file:
            words = line.split()
            if len(words) != 3 or words[0] != what:
                continue
            turns[words[1]] = turns.get(words[1], 0) + 1
            stamps[words[1], turns[words[1]]] = int(words[2])
    return stamps


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def main(plugs, host, inside):
    stamps = {
        "kernel": read(host, "kernel"),
        "udev": read(host, "udev"),
        "node": read(inside, "node"),
        "event": read(inside, "kernel"),
    }
    complete = [key for key in stamps["kernel"] if all(key in of for of in stamps.values())]
    if len(complete) != plugs:
        sys.exit(f"of {plugs} plugs {len(complete)} left all their stamps")

    print(f"{plugs} plugs, milliseconds from the kernel's event")
    print(f"{'':24}{'median':>9}{'90 %':>9}{'99 %':>9}{'worst':>9}")
    for what, title in ROWS:
        values = sorted((stamps[what][key] - stamps["kernel"][key]) / 1e6 for key in complete)
        figures = [percentile(values, share) for share in (0.5, 0.9, 0.99, 1)]
        print(f"{title:24}" + "".join(f"{figure:9.2f}" for figure in figures))

    shares = sorted(
        (stamps["node"][key] - stamps["udev"][key]) / (stamps["udev"][key] - stamps["kernel"][key]) for key in complete
    )
    print(f"davit_of_udev_median {percentile(shares, 0.5):.4f} x")
    print(f"davit_of_udev_90 {percentile(shares, 0.9):.4f} x")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
