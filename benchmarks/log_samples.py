"""Logs in the formats of public collections, made up line by line, each line with the number of its template.

The formats are those of Loghub (Zhu et al., "Tools and Benchmarks for Automated Log Parsing", 2019); the
messages are written for this benchmark. `{…}` stands for values, see `Values`.
"""

# ruff: noqa: E501 - log lines are as long as they are

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

_PLACE = re.compile(r"\{(\w+)\}")
_NAMES = (
    "anna",
    "root",
    "admin",
    "oracle",
    "test",
    "guest",
    "postgres",
    "ubuntu",
    "pi",
    "git",
    "www",
    "mysql",
)
_HOSTS = ("mesos-slave", "combo", "LabSZ", "tbird-admin", "node", "compute", "db", "web")


@dataclass(frozen=True)
class Format:
    """A header, which tells nothing about the kind of a message, and the kinds of messages."""

    header: str
    templates: tuple[str, ...]


FORMATS: dict[str, Format] = {
    "HDFS": Format(
        "{yymmdd} {hhmmss} {number} INFO dfs.DataNode$PacketResponder: ",
        (
            "PacketResponder {digit} for block blk_{block} terminating",
            "Received block blk_{block} of size {number} from /{ip}",
            "Receiving block blk_{block} src: /{ip}:{port} dest: /{ip}:50010",
            "BLOCK* NameSystem.addStoredBlock: blockMap updated: {ip}:50010 is added to blk_{block} size {number}",
            "BLOCK* NameSystem.allocateBlock: /user/root/rand/_temporary/_task_{number}_m_{number}/part-{number}. blk_{block}",
            "Verification succeeded for blk_{block}",
            "Deleting block blk_{block} file /mnt/hadoop/dfs/data/current/subdir{digit}/blk_{block}",
            "BLOCK* NameSystem.delete: blk_{block} is added to invalidSet of {ip}:50010",
            "{ip}:50010 Served block blk_{block} to /{ip}",
            "{ip}:50010:Got exception while serving blk_{block} to /{ip}:",
        ),
    ),
    "Spark": Format(
        "17/06/09 {hhmmss_colon} INFO executor.Executor: ",
        (
            "Running task {float} in stage {float} (TID {number})",
            "Finished task {float} in stage {float} (TID {number}). {number} bytes result sent to driver",
            "Found block rdd_{number}_{number} locally",
            "Block broadcast_{number} stored as values in memory (estimated size {float} KB, free {float} KB)",
            "Started reading broadcast variable {number}",
            "Reading broadcast variable {number} took {number} ms",
            "Getting {number} non-empty blocks out of {number} blocks",
            "Times: total = {number}, boot = {number}, init = {number}, finish = {digit}",
        ),
    ),
    "Zookeeper": Format(
        "2015-07-29 {hhmmss_colon},{milli} - INFO  [QuorumPeer[myid={digit}]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@{number}] - ",
        (
            "Received connection request /{ip}:{port}",
            "Notification time out: {number}",
            "Closed socket connection for client /{ip}:{port} which had sessionid 0x{hex12}",
            "Established session 0x{hex12} with negotiated timeout {number} for client /{ip}:{port}",
            "Client attempting to establish new session at /{ip}:{port}",
            "Expiring session 0x{hex12}, timeout of {number}ms exceeded",
            "Processed session termination for sessionid: 0x{hex12}",
            "New election. My id =  {digit}, proposed zxid=0x{hex12}",
            "Accepted socket connection from /{ip}:{port}",
        ),
    ),
    "OpenSSH": Format(
        "Dec 10 {hhmmss_colon} LabSZ sshd[{number}]: ",
        (
            "Failed password for invalid user {user} from {ip} port {port} ssh2",
            "Failed password for root from {ip} port {port} ssh2",
            "Invalid user {user} from {ip}",
            "input_userauth_request: invalid user {user} [preauth]",
            "pam_unix(sshd:auth): check pass; user unknown",
            "Connection closed by {ip} [preauth]",
            "Received disconnect from {ip}: 11: Bye Bye [preauth]",
            "reverse mapping checking getaddrinfo for {domain} [{ip}] failed - POSSIBLE BREAK-IN ATTEMPT!",
            "Accepted password for {user} from {ip} port {port} ssh2",
            "pam_unix(sshd:session): session opened for user {user} by (uid=0)",
        ),
    ),
    "Linux": Format(
        "Jun 14 {hhmmss_colon} combo kernel: ",
        (
            "Out of Memory: Killed process {number} ({word}).",
            "audit({number}.{milli}:{digit}): initialized",
            "Linux agpgart interface v0.100 (c) Dave Jones",
            "CPU {digit} irqstacks, hard={hex8} soft={hex8}",
            "PCI: Using IRQ router PIIX at {hex4}:{digit}",
            "usb {digit}-{digit}: new full speed USB device using address {digit}",
            "device {interface} entered promiscuous mode",
            "md: raid{digit} personality registered as nr {digit}",
        ),
    ),
    "Apache": Format(
        "[Sun Dec 04 {hhmmss_colon} 2005] [error] ",
        (
            "[client {ip}] Directory index forbidden by rule: /var/www/html/",
            "mod_jk child workerEnv in error state {digit}",
            "jk2_init() Can't find child {number} in scoreboard",
            "[client {ip}] File does not exist: /var/www/html/{word}",
            "[client {ip}] script '/var/www/html/{word}.php' not found or unable to stat",
            "server reached MaxClients setting, consider raising the MaxClients setting",
        ),
    ),
    "OpenStack": Format(
        "nova-compute.log 2017-05-16 {hhmmss_colon}.{milli} {number} INFO nova.compute.manager [req-{uuid} - - - - -] ",
        (
            "[instance: {uuid}] VM Started (Lifecycle Event)",
            "[instance: {uuid}] VM Paused (Lifecycle Event)",
            "[instance: {uuid}] Took {float} seconds to build instance.",
            "[instance: {uuid}] Terminating instance",
            "[instance: {uuid}] Deleting instance files /var/lib/nova/instances/{uuid}_del",
            "[instance: {uuid}] Total memory: {number} MB, used: {float} MB",
            "Active base files: /var/lib/nova/instances/_base/{hex40}",
            "Running instance usage audit for host cp-{digit}.slowvm1 from 2017-05-16 {hhmmss_colon} to 2017-05-16 {hhmmss_colon}",
        ),
    ),
    "BGL": Format(
        "- {epoch} 2005.06.03 R{number}-M0-N{digit}-C:J{number}-U{number} RAS KERNEL INFO ",
        (
            "instruction cache parity error corrected",
            "generating core.{number}",
            "{number} double-hummer alignment exceptions",
            "CE sym {number}, at 0x{hex8}, mask 0x{hex2}",
            "{number} floating point alignment exceptions",
            "ddr: excessive soft failures, consider replacing the card",
            "total of {number} ddr error(s) detected and corrected",
            "iar {hex8} dear {hex8}",
        ),
    ),
    "Proxifier": Format(
        "[10.30 {hhmmss_colon}] chrome.exe - ",
        (
            "proxy.cse.cuhk.edu.hk:5070 open through proxy proxy.cse.cuhk.edu.hk:5070 HTTPS",
            "proxy.cse.cuhk.edu.hk:5070 close, {number} bytes sent, {number} bytes received, lifetime {minutes}",
            "proxy.cse.cuhk.edu.hk:5070 error : Could not connect through proxy {domain}:5070 - Proxy server cannot establish a connection with the target, status code {number}",
        ),
    ),
    "Kubernetes": Format(
        "I0301 {hhmmss_colon}.{milli}000       1 controller.go:{number}] ",
        (
            "Successfully synced pod {pod}",
            "Deleting pod {pod} from node {host}",
            'Volume "pvc-{uuid}" bound to claim',
            "Scaled deployment to {number} replicas in {duration}",
            "Lease renewed by {pod}",
            "Starting event watcher for {word}",
        ),
    ),
    "Application": Format(
        "2026-03-01 {hhmmss_colon},{milli} INFO app.worker: ",
        (
            "Task {uuid} received by queue {word}",
            "Task {uuid} succeeded in {duration}",
            "Task {uuid} retried: attempt {digit} of 10",
            "Uploaded /var/spool/{word}/{hex8}.bin ({number} bytes)",
            "User {user} logged in from {ip}",
            "User {user} logged out after {duration}",
            "Cache miss for key {nanoid}",
            "Cache hit for key {nanoid}",
            "Sent message {nanoid} to {email}",
            "Batch {list} committed",
        ),
    ),
}


class Values:
    """What stands for a value, by the name of its place."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def of(self, name: str) -> str:
        return getattr(self, f"a_{name}")()

    def _of(self, letters: str, length: int) -> str:
        return "".join(self.random.choice(letters) for _ in range(length))

    def _below(self, limit: int) -> int:
        return self.random.randrange(limit)

    def a_digit(self) -> str:
        return str(self._below(10))

    def a_number(self) -> str:
        return str(self._below(10 ** self.random.randint(1, 6)))

    def a_milli(self) -> str:
        return f"{self._below(1000):03d}"

    def a_float(self) -> str:
        return f"{self.random.random() * 100:.1f}"

    def a_ip(self) -> str:
        return ".".join(str(self._below(255)) for _ in range(4))

    def a_port(self) -> str:
        return str(1024 + self._below(60000))

    def a_block(self) -> str:
        return f"{self.random.choice(('', '-'))}{self._below(10**18)}"

    def a_hex2(self) -> str:
        return self._of("0123456789abcdef", 2)

    def a_hex4(self) -> str:
        return self._of("0123456789abcdef", 4)

    def a_hex8(self) -> str:
        return self._of("0123456789abcdef", 8)

    def a_hex12(self) -> str:
        return self._of("0123456789abcdef", 12)

    def a_hex40(self) -> str:
        return self._of("0123456789abcdef", 40)

    def a_uuid(self) -> str:
        return "-".join(self._of("0123456789abcdef", length) for length in (8, 4, 4, 4, 12))

    def a_hhmmss(self) -> str:
        return f"{self._below(24):02d}{self._below(60):02d}{self._below(60):02d}"

    def a_hhmmss_colon(self) -> str:
        return f"{self._below(24):02d}:{self._below(60):02d}:{self._below(60):02d}"

    def a_minutes(self) -> str:
        return f"{self._below(60):02d}:{self._below(60):02d}"

    def a_yymmdd(self) -> str:
        return f"0811{self._below(28) + 1:02d}"

    def a_epoch(self) -> str:
        return str(1_117_838_570 + self._below(10_000_000))

    def a_user(self) -> str:
        return self.random.choice(_NAMES) if self._below(3) else self.a_word()

    def a_host(self) -> str:
        return f"{self.random.choice(_HOSTS)}-{self._below(100):02d}"

    def a_word(self) -> str:
        return self._of("abcdefghijklmnopqrstuvwxyz", self.random.randint(4, 9))

    def a_domain(self) -> str:
        return f"{self.a_word()}.{self.a_word()}.com"

    def a_email(self) -> str:
        return f"{self.a_word()}@{self.a_word()}.com"

    def a_interface(self) -> str:
        return f"eth{self._below(10)}"

    def a_pod(self) -> str:
        name = self.random.choice(("web", "api", "worker"))
        return f"{name}-{self._of('0123456789abcdef', 10)}-{self._of('bcdfghjklmnpqrstvwxz2456789', 5)}"

    def a_nanoid(self) -> str:
        return self._of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", 21)

    def a_duration(self) -> str:
        return self.random.choice(
            (
                f"{self.a_float()}s",
                f"{self._below(999)}ms",
                f"{self._below(9)}m{self._below(60)}s",
                f"{self._below(9)}h",
            )
        )

    def a_list(self) -> str:
        return str([self._below(1000) for _ in range(self.random.randint(1, 6))])


def sample(name: str, lines: int, seed: int) -> Iterator[tuple[int, str, str]]:
    """Template's number, header and message, line by line: a few kinds are frequent, most are rare."""
    values = Values(seed)
    chosen = FORMATS[name]
    weights = [1 / (place + 1) for place in range(len(chosen.templates))]

    def filled(text: str) -> str:
        return _PLACE.sub(lambda match: values.of(match[1]), text)

    for _ in range(lines):
        (number,) = values.random.choices(range(len(chosen.templates)), weights)
        yield number, filled(chosen.header), filled(chosen.templates[number])
