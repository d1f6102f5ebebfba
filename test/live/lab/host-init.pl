#!/usr/bin/perl
# The first process of a host: makes the host's private file systems, then lives as long as its standard input.
# Its end is the end of every process of the host, so a harness that dies, however it dies, leaves no host running.
#
#   host-init.pl NAME STATE_DIRECTORY
#
# Answers one line per request line: "ready PID" at the start, then "stop" and "continue" for every other process.
use strict;
use warnings;

my ($name, $state) = @ARGV;
$| = 1;

# The old /proc still names this process as the machine sees it; the new one will call it 1.
my $outer_pid = readlink '/proc/self' or die "cannot read /proc/self: $!\n";

open my $hostname, '>', '/proc/sys/kernel/hostname' or die "cannot name the host: $!\n";
print {$hostname} "$name\n";
close $hostname or die "cannot name the host: $!\n";

# /sys shows the interfaces of whoever mounted it, so the host needs its own; the control groups below it are kept.
my $mounts = <<'SH';
mount -t tmpfs -o mode=755 baton-run /run
if [ -d /sys/fs/cgroup ]; then
  mkdir /run/cgroup
  mount --rbind /sys/fs/cgroup /run/cgroup
fi
mount -t sysfs sysfs /sys
if [ -d /run/cgroup ]; then
  mount --move /run/cgroup /sys/fs/cgroup
  rmdir /run/cgroup
fi
mkdir -m 1777 /run/lock
mount -t tmpfs -o mode=1777 baton-shm /dev/shm
mkdir -p /var/lib/baton
mount --bind "$1" /var/lib/baton
# Of other labs, and of this one's other hosts: who has a mount keeps it, and its disk, for as long as it lives.
for foreign in $(awk '$5 ~ "^'"${TMPDIR:-/tmp}"'/baton-" { print $5 }' /proc/self/mountinfo); do
  umount -l "$foreign"
done
mount -t proc proc /proc
# Another host's agent makes groups of the same names: below a top of our own, neither ends the other's processes.
for groups in $(awk '/ - cgroup2 / || / - cgroup [^ ]+ [^ ]*[, ]memory/ { print $5 }' /proc/self/mountinfo); do
  if mkdir "$groups/$2" 2>/dev/null; then mount --bind "$groups/$2" "$groups"; fi
done
SH
system('sh', '-ec', $mounts, 'mounts', $state, "baton-host-$outer_pid") == 0 or die "cannot make the host's mounts\n";

# Orphans come to this process; ignoring the signal lets the kernel reap them.
$SIG{CHLD} = 'IGNORE';
print "ready $outer_pid\n";

while (defined(my $request = <STDIN>)) {
    chomp $request;
    # -1 is every process of this pid namespace but this one, taken in one pass of the kernel: none forks away from it.
    if    ($request eq 'stop')     { kill 'STOP', -1; wait_until_stopped() }
    elsif ($request eq 'continue') { kill 'CONT', -1 }
    print "done $request\n";
}

# A signal is sent at once, but a thread that runs on another processor stops only when it next looks. One that waits
# in the kernel for a disk (state D) runs no code of its own before it looks, so it counts as stopped.
sub wait_until_stopped {
    for (1 .. 1000) {
        return unless grep { is_running($_) } glob '/proc/[0-9]*/task/[0-9]*/stat';
        select undef, undef, undef, 0.001;
    }
    print "a process would not stop\n";
}

sub is_running {
    my ($path) = @_;
    return 0 if $path =~ m{^/proc/1/};
    open my $file, '<', $path or return 0;
    my $status = <$file>;
    return defined $status && $status =~ /\) [RSI] [^)]*$/;
}
