#!/usr/bin/perl
# The smallest service a test can move: tells each connection which host and which process answers, then hangs up.
#
#   banner-server.pl PORT [ADDRESS]        (without an address: every address, IPv4 and IPv6)
#
# BANNER_LIFE, if set, is told with the process number: a computer that restarts gives the same numbers again.
# Prints "listening" once connections are taken. Uses nothing but perl-base.
use strict;
use warnings;
use Socket qw(AF_INET AF_INET6 SOCK_STREAM SOL_SOCKET SO_REUSEADDR IPPROTO_IPV6 IPV6_V6ONLY
    inet_pton pack_sockaddr_in pack_sockaddr_in6);

my ($port, $address) = @ARGV;
$address = '::' unless defined $address;
my $is_v6 = $address =~ /:/;
my $family = $is_v6 ? AF_INET6 : AF_INET;

open my $file, '<', '/proc/sys/kernel/hostname' or die "cannot read the host's name: $!\n";
chomp(my $host = <$file>);
my $life = defined $ENV{BANNER_LIFE} ? "$$-$ENV{BANNER_LIFE}" : $$;
my $banner = "$host $life\n";

my $packed = inet_pton($family, $address) or die "not an address: $address\n";
my $name = $is_v6 ? pack_sockaddr_in6($port, $packed) : pack_sockaddr_in($port, $packed);
socket my $server, $family, SOCK_STREAM, 0 or die "socket: $!\n";
setsockopt $server, SOL_SOCKET, SO_REUSEADDR, 1;
setsockopt $server, IPPROTO_IPV6, IPV6_V6ONLY, 0 if $is_v6;
bind $server, $name or die "bind $address port $port: $!\n";
listen $server, 512 or die "listen: $!\n";

$SIG{PIPE} = 'IGNORE';
$| = 1;
print "listening\n";
while (1) {
    accept my $connection, $server or next;
    syswrite $connection, $banner;
    close $connection;
}
