"""Who wrote the sample's commits. All of them are made up; example.org belongs to nobody."""

from __future__ import annotations

ADA = "Ada Fielding <ada@example.org>"  # tun, tap, net
BRUNO = "Bruno Lindqvist <bruno@example.org>"  # file systems, command line
FLORENT = "Florent Ruiz <florent@example.org>"  # buses
GRETA = "Greta Holm <greta@example.org>"  # stable branches
HANNO = "Hanno Kessel <hanno@example.org>"  # the fork that runs guests on KVM
MIRA = "Mira Tsvetanova <mira@example.org>"  # vhost
PAOLA = "Paola Conti <paola@example.org>"  # releases
TOMI = "Tomi Heikkinen <tomi@example.org>"  # sweeps
