#!/usr/bin/perl
# Writes number after number to the register, each once, and prints "ok NUMBER" for those that were acknowledged.
#
#   register-client.pl ADDRESS PORT FIRST INTERVAL_MS TIMEOUT_MS
#
# Ends when its standard input does.
use strict;
use warnings;
use IO::Select;
use Socket qw(AF_INET SOCK_STREAM SOCK_NONBLOCK SOL_SOCKET SO_ERROR SO_LINGER inet_aton pack_sockaddr_in);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($address, $port, $number, $interval, $timeout) = @ARGV;
my $name = pack_sockaddr_in($port, inet_aton($address));
my $input = IO::Select->new(\*STDIN);
$SIG{PIPE} = 'IGNORE';
$| = 1;

until ($input->can_read($interval / 1000)) {
    my $until = now() + $timeout;
    print "ok $number\n" if add($number, $until);
    $number++;
}

sub now { return clock_gettime(CLOCK_MONOTONIC) * 1000 }

sub add {
    my ($wanted, $until) = @_;
    socket my $socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0 or return 0;
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    my $select = IO::Select->new($socket);
    connect $socket, $name;
    return 0 unless $select->can_write(left($until));
    return 0 if unpack 'i', getsockopt($socket, SOL_SOCKET, SO_ERROR);
    syswrite $socket, "add $wanted\n" or return 0;
    return 0 unless $select->can_read(left($until));
    my $answer = '';
    sysread $socket, $answer, 64;
    return $answer eq "ok $wanted\n";
}

sub left {
    my ($until) = @_;
    my $ms = $until - now();
    return $ms > 0 ? $ms / 1000 : 0;
}
