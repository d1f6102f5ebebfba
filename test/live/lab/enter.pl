#!/usr/bin/perl
# Runs a command as a child in the pid namespace this process was put next to (nsenter --pid --no-fork).
# nsenter's own waiting is not used: it stops itself when its child is stopped, and then never sees it end.
#
#   enter.pl COMMAND [ARGUMENT...]
#
# Descriptor 3 is told "pid PID" (as the machine sees it), then closed once the command runs, or "error REASON".
use strict;
use warnings;
use Fcntl qw(F_SETFD FD_CLOEXEC);

open my $report, '>&=', 3 or die "no descriptor 3: $!\n";
fcntl $report, F_SETFD, FD_CLOEXEC;

my $child = fork;
defined $child or die "cannot fork: $!\n";
if ($child == 0) {
    setpgrp 0, 0;
    { no warnings 'exec'; exec { $ARGV[0] } @ARGV; }
    syswrite $report, "error $ARGV[0]: $!\n";
    exit 127;
}
syswrite $report, "pid $child\n";
close $report;

waitpid $child, 0;
my $signal = $? & 127;
exit $? >> 8 if $signal == 0;
kill $signal, $$;
exit 128 + $signal;
