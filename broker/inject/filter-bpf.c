/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The device filter on cgroup2: one BPF program per container and the hash map that it looks into.
 *
 * The program is written down as instructions: it is thirty of them, never changes, and so no compiler for
 * BPF is needed to build davit. It answers for each open() and mknod() of a special file by a process in the
 * folder or below:
 *
 *     access == MKNOD                      -> yes: the user namespace refuses it anyhow, and programs probe
 * for it map[type, major, minor] & access     -> yes map[type, major, FILTER_ANY] & access -> yes else -> no
 * (EPERM)
 *
 * Attached with BPF_F_ALLOW_MULTI, so programs further up and further down have their say as well: all must
 * agree. The kernel keeps the program while the folder exists, and the program its map. That is the only
 * owner; we find the program again by its name, and the map through it.
 */

#include "config.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "inject/filter-internal.h"
#include "util/fd.h"
#include "util/string.h"

#define PROGRAM_NAME "davit_filter" /* at most BPF_OBJ_NAME_LEN - 1 */
#define MAP_NAME     "davit_rights"

/* Programs on one folder that are looked at; the kernel allows 64. */
#define PROGRAMS_MAX 64

#define ACCESS_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

typedef struct RightKey {
        uint32_t type; /* BPF_DEVCG_DEV_* */
        uint32_t major;
        uint32_t minor;
} RightKey;

/* The instructions that are used, in the notation of the kernel's include/linux/filter.h. */
#define LOAD32(dst, src, offset) \
        { .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (dst), .src_reg = (src), .off = (offset) }
#define STORE32(dst, offset, src) \
        { .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = (dst), .src_reg = (src), .off = (offset) }
#define STORE32_IMM(dst, offset, value) \
        { .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = (dst), .off = (offset), .imm = (value) }
#define MOVE(dst, src) \
        { .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (dst), .src_reg = (src) }
#define MOVE_IMM(dst, value) \
        { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (dst), .imm = (value) }
#define ALU_IMM(op, dst, value) \
        { .code = BPF_ALU64 | (op) | BPF_K, .dst_reg = (dst), .imm = (value) }
#define AND(dst, src) \
        { .code = BPF_ALU64 | BPF_AND | BPF_X, .dst_reg = (dst), .src_reg = (src) }
#define JUMP_IMM(op, dst, value, off_) \
        { .code = BPF_JMP | (op) | BPF_K, .dst_reg = (dst), .imm = (value), .off = (off_) }
#define JUMP(op, dst, src, off_) \
        { .code = BPF_JMP | (op) | BPF_X, .dst_reg = (dst), .src_reg = (src), .off = (off_) }
#define CALL(function) \
        { .code = BPF_JMP | BPF_CALL, .imm = (function) }
#define EXIT \
        { .code = BPF_JMP | BPF_EXIT }
/* The address of a map takes two. */
#define LOAD_MAP(dst, fd)                                                                                   \
        {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = (dst), .src_reg = BPF_PSEUDO_MAP_FD, .imm = (fd)}, { \
                .code = 0                                                                                   \
        }

#define KEY (-(int)sizeof(RightKey)) /* on the stack */

static int load_program(int map_fd) {
        const struct bpf_insn code[] = {
                MOVE(BPF_REG_6, BPF_REG_1),
                /* access_type is (access << 16) | type */
                LOAD32(BPF_REG_7, BPF_REG_6, offsetof(struct bpf_cgroup_dev_ctx, access_type)),
                MOVE(BPF_REG_2, BPF_REG_7),
                ALU_IMM(BPF_RSH, BPF_REG_7, 16),
                JUMP_IMM(BPF_JEQ, BPF_REG_7, BPF_DEVCG_ACC_MKNOD, 22), /* yes */
                ALU_IMM(BPF_AND, BPF_REG_2, 0xffff),
                STORE32(BPF_REG_10, KEY + (int)offsetof(RightKey, type), BPF_REG_2),
                LOAD32(BPF_REG_2, BPF_REG_6, offsetof(struct bpf_cgroup_dev_ctx, major)),
                STORE32(BPF_REG_10, KEY + (int)offsetof(RightKey, major), BPF_REG_2),
                LOAD32(BPF_REG_2, BPF_REG_6, offsetof(struct bpf_cgroup_dev_ctx, minor)),
                STORE32(BPF_REG_10, KEY + (int)offsetof(RightKey, minor), BPF_REG_2),
                LOAD_MAP(BPF_REG_1, map_fd),
                MOVE(BPF_REG_2, BPF_REG_10),
                ALU_IMM(BPF_ADD, BPF_REG_2, KEY),
                CALL(BPF_FUNC_map_lookup_elem),
                JUMP_IMM(BPF_JNE, BPF_REG_0, 0, 7), /* found */
                STORE32_IMM(BPF_REG_10, KEY + (int)offsetof(RightKey, minor), -1),
                LOAD_MAP(BPF_REG_1, map_fd),
                MOVE(BPF_REG_2, BPF_REG_10),
                ALU_IMM(BPF_ADD, BPF_REG_2, KEY),
                CALL(BPF_FUNC_map_lookup_elem),
                JUMP_IMM(BPF_JEQ, BPF_REG_0, 0, 5), /* no */
                /* found: */
                LOAD32(BPF_REG_1, BPF_REG_0, 0),
                AND(BPF_REG_1, BPF_REG_7),
                JUMP(BPF_JNE, BPF_REG_1, BPF_REG_7, 2), /* no */
                /* yes: */
                MOVE_IMM(BPF_REG_0, 1),
                EXIT,
                /* no: */
                MOVE_IMM(BPF_REG_0, 0),
                EXIT,
        };
        int fd;

        /* The helper that it calls is for every license. */
        fd = bpf_prog_load(BPF_PROG_TYPE_CGROUP_DEVICE, PROGRAM_NAME, "LGPL", code, ELEMENTSOF(code), NULL);
        return fd < 0 ? negative_errno(EIO) : fd;
}

static RightKey key_of(const FilterRight *right) {
        return (RightKey){
                .type = right->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR,
                .major = right->major,
                .minor = right->minor,
        };
}

static int unified_allow(int map_fd, const FilterRight *right) {
        const uint32_t access = ACCESS_ALL & ~(right->refused & EDIT_READ ? BPF_DEVCG_ACC_READ : 0U) &
                                ~(right->refused & EDIT_WRITE ? BPF_DEVCG_ACC_WRITE : 0U);
        RightKey key = key_of(right);

        return bpf_map_update_elem(map_fd, &key, &access, BPF_ANY) < 0 ? negative_errno(EIO) : 0;
}

static int unified_deny(int map_fd, const FilterRight *right) {
        RightKey key = key_of(right);

        if (bpf_map_delete_elem(map_fd, &key) < 0 && errno != ENOENT)
                return negative_errno(EIO);
        return 0;
}

static int new_map(void) {
        _cleanup_close_ int fd = -EBADF;
        LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);

        fd = bpf_map_create(BPF_MAP_TYPE_HASH, MAP_NAME, sizeof(RightKey), sizeof(uint32_t),
                            FILTER_RIGHTS_MAX, &options);
        if (fd < 0)
                return negative_errno(EIO);
        for (size_t i = 0; i < filter_n_standard; i++) {
                int r = unified_allow(fd, &filter_standard[i]);

                if (r < 0)
                        return r;
        }
        return TAKE_FD(fd);
}

/* The ids of the programs attached to a folder. Return: how many; errno. */
static int attached_programs(int cgroup_fd, uint32_t ids[static PROGRAMS_MAX]) {
        uint32_t n = PROGRAMS_MAX;

        if (bpf_prog_query(cgroup_fd, BPF_CGROUP_DEVICE, /* query_flags= */ 0, /* attach_flags= */ NULL, ids,
                           &n) < 0)
                return negative_errno(EIO);
        return (int)MIN(n, (uint32_t)PROGRAMS_MAX);
}

/* Opens the program @id where it is one of ours, with its map. Return: fd; -ENOENT another's or gone; errno.
 */
static int open_program(uint32_t id, uint32_t *ret_map_id) {
        _cleanup_close_ int fd = -EBADF;
        struct bpf_prog_info info = {};
        uint32_t size = sizeof(info), map_id = 0;

        info.nr_map_ids = 1;
        info.map_ids = (uintptr_t)&map_id;
        fd = bpf_prog_get_fd_by_id(id);
        if (fd < 0)
                return negative_errno(EIO);
        if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
                return negative_errno(EIO);
        if (!streq(info.name, PROGRAM_NAME) || info.nr_map_ids != 1)
                return -ENOENT;
        if (ret_map_id)
                *ret_map_id = map_id;
        return TAKE_FD(fd);
}

/* bpf() wants a descriptor that is not O_PATH. */
static int reopen(int folder_fd) {
        int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* Takes off what an earlier container of that name left, known by @ids from before the new one came. */
static int detach(int cgroup_fd, const uint32_t *ids, int n) {
        for (int i = 0; i < n; i++) {
                _cleanup_close_ int fd = open_program(ids[i], NULL);

                if (fd == -ENOENT)
                        continue;
                if (fd < 0)
                        return fd;
                if (bpf_prog_detach2(fd, cgroup_fd, BPF_CGROUP_DEVICE) < 0)
                        return negative_errno(EIO);
        }
        return 0;
}

static int unified_create(int folder_fd) {
        _cleanup_close_ int cgroup_fd = -EBADF, map_fd = -EBADF, program_fd = -EBADF;
        uint32_t old[PROGRAMS_MAX];
        int n;

        cgroup_fd = reopen(folder_fd);
        if (cgroup_fd < 0)
                return cgroup_fd;
        n = attached_programs(cgroup_fd, old);
        if (n < 0)
                return n;
        map_fd = new_map();
        if (map_fd < 0)
                return map_fd;
        program_fd = load_program(map_fd);
        if (program_fd < 0)
                return program_fd;
        if (bpf_prog_attach(program_fd, cgroup_fd, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI) < 0)
                return negative_errno(EIO);
        return detach(cgroup_fd, old, n);
}

static int unified_open(int folder_fd) {
        _cleanup_close_ int cgroup_fd = -EBADF;
        uint32_t ids[PROGRAMS_MAX];
        int n;

        cgroup_fd = reopen(folder_fd);
        if (cgroup_fd < 0)
                return cgroup_fd;
        n = attached_programs(cgroup_fd, ids);
        if (n < 0)
                return n;
        for (int i = 0; i < n; i++) {
                _cleanup_close_ int program_fd = -EBADF;
                uint32_t map_id;
                int fd;

                program_fd = open_program(ids[i], &map_id);
                if (program_fd == -ENOENT)
                        continue;
                if (program_fd < 0)
                        return program_fd;
                fd = bpf_map_get_fd_by_id(map_id);
                return fd < 0 ? negative_errno(EIO) : fd;
        }
        return -ENOENT;
}

static int unified_read(int map_fd, int (*found)(const FilterRight *right, void *userdata), void *userdata) {
        RightKey key, next;

        /* Nobody else changes the map meanwhile; bounded all the same, as a walk starts over where its key is
         * gone. */
        for (unsigned int i = 0; i < FILTER_RIGHTS_MAX; i++, key = next) {
                FilterRight right;
                uint32_t access;
                int r;

                if (bpf_map_get_next_key(map_fd, i == 0 ? NULL : &key, &next) < 0)
                        return errno == ENOENT ? 0 : negative_errno(EIO);
                if (bpf_map_lookup_elem(map_fd, &next, &access) < 0)
                        return negative_errno(EIO);
                right = (FilterRight){
                        .type = next.type == BPF_DEVCG_DEV_BLOCK ? 'b' : 'c',
                        .major = next.major,
                        .minor = next.minor,
                        .refused = (access & BPF_DEVCG_ACC_READ ? 0 : EDIT_READ) |
                                   (access & BPF_DEVCG_ACC_WRITE ? 0 : EDIT_WRITE),
                };
                r = filter_right_is_standard(&right) ? 0 : found(&right, userdata);
                if (r < 0)
                        return r;
        }
        return 0;
}

const FilterDriver filter_driver_bpf = {
        .hierarchy = CGROUP_UNIFIED,
        .create = unified_create,
        .open = unified_open,
        .allow = unified_allow,
        .deny = unified_deny,
        .read = unified_read,
};
