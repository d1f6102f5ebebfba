#!/usr/bin/perl
# An append-only register: whoever connects sends a number, which is on disk before it is acknowledged.
#
#   register-server.pl PORT FILE
#
# Each line of FILE is "NUMBER EPOCH HOST": a line of an older ownership below one of a newer is a write by a server
# that had lost the group. Uses nothing but perl-base.
use strict;
use warnings;
use IO::Handle;
use Socket qw(AF_INET SOCK_STREAM SOL_SOCKET SO_REUSEADDR SO_RCVTIMEO INADDR_ANY pack_sockaddr_in);

my ($port, $path) = @ARGV;
open my $name, '<', '/proc/sys/kernel/hostname' or die "cannot read the host's name: $!\n";
chomp(my $host = <$name>);
my $epoch = $ENV{BATON_EPOCH} // 0;

open my $file, '>>', $path or die "cannot open $path: $!\n";
socket my $server, AF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
setsockopt $server, SOL_SOCKET, SO_REUSEADDR, 1;
bind $server, pack_sockaddr_in($port, INADDR_ANY) or die "bind port $port: $!\n";
listen $server, 64 or die "listen: $!\n";

$SIG{PIPE} = 'IGNORE';
while (1) {
    accept my $connection, $server or next;
    # A client that vanished must not keep the others waiting.
    setsockopt $connection, SOL_SOCKET, SO_RCVTIMEO, pack('qq', 0, 500_000);
    my $line = <$connection>;
    next unless defined $line && $line =~ /^add (\d+)$/;
    syswrite $file, "$1 $epoch $host\n" or die "cannot write $path: $!\n";
    $file->sync or die "cannot write $path to disk: $!\n";
    syswrite $connection, "ok $1\n";
    close $connection;
}
