#!/usr/bin/perl
# What ping, arping and a gratuitous ARP do, for machines that have none of the tools.
#
#   probe.pl ping ADDRESS TIMEOUT_MS                 prints the round trip in milliseconds; fails when none came
#   probe.pl arp INTERFACE ADDRESS TIMEOUT_MS COUNT  prints each MAC that claims the IPv4 address, COUNT at most
#   probe.pl announce INTERFACE ADDRESS              tells the network that the IPv4 address is here now
use strict;
use warnings;
use Socket qw(AF_INET AF_INET6 SOCK_RAW SOCK_DGRAM inet_pton pack_sockaddr_in pack_sockaddr_in6);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

use constant { AF_PACKET => 17, ETH_P_ARP => 0x0806, REQUEST => 1, REPLY => 2 };

my %modes = (ping => \&ping, arp => \&arp, announce => \&announce);
my $mode = shift @ARGV;
($modes{$mode} or die "no such probe: $mode\n")->(@ARGV);

sub now { return clock_gettime(CLOCK_MONOTONIC) * 1000 }

sub ping {
    my ($address, $timeout) = @_;
    my $is_v6 = $address =~ /:/;
    my ($family, $protocol, $request, $reply) = $is_v6 ? (AF_INET6, 58, 128, 129) : (AF_INET, 1, 8, 0);
    socket my $socket, $family, SOCK_RAW, $protocol or die "socket: $!\n";
    my $packed = inet_pton($family, $address) or die "not an address: $address\n";
    my $identity = $$ & 0xffff;
    my $message = pack 'CCnnna8', $request, 0, 0, $identity, 1, 'baton';
    # The kernel fills in the checksum for IPv6 only.
    substr($message, 2, 2) = pack 'n', checksum($message) unless $is_v6;
    my $sent_at = now();
    send $socket, $message, 0, $is_v6 ? pack_sockaddr_in6(0, $packed) : pack_sockaddr_in(0, $packed)
        or die "send: $!\n";
    receive($socket, $timeout, sub {
        my ($packet) = @_;
        my $header = $is_v6 ? 0 : (ord($packet) & 15) * 4;
        my ($type, undef, undef, $id) = unpack 'CCnn', substr $packet, $header;
        return unless $type == $reply && $id == $identity;
        printf "%.3f\n", now() - $sent_at;
        exit 0;
    });
    exit 1;
}

sub checksum {
    my ($message) = @_;
    my $sum = 0;
    $sum += $_ for unpack 'n*', $message;
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return ~$sum & 0xffff;
}

sub arp {
    my ($interface, $address, $timeout, $count) = @_;
    my ($socket, $own_mac, $everyone) = packet_socket($interface);
    my $packed = inet_pton(AF_INET, $address) or die "not an address: $address\n";
    # Sent by nobody, 0.0.0.0, so that asking changes nobody's table.
    my $request = pack 'nnCCna6a4a6a4', 1, 0x0800, 6, 4, REQUEST, $own_mac, "\0" x 4, "\0" x 6, $packed;
    send $socket, $request, 0, $everyone or die "send: $!\n";
    my %seen;
    receive($socket, $timeout, sub {
        my (undef, undef, undef, undef, $operation, $mac, $sender) = unpack 'nnCCna6a4', $_[0];
        return unless $operation == REPLY && $sender eq $packed && !$seen{$mac}++;
        print join(':', map { sprintf '%02x', $_ } unpack 'C6', $mac), "\n";
        exit 0 if keys %seen >= $count;
    });
    exit(%seen ? 0 : 1);
}

sub announce {
    my ($interface, $address) = @_;
    my ($socket, $own_mac, $everyone) = packet_socket($interface);
    my $packed = inet_pton(AF_INET, $address) or die "not an address: $address\n";
    my $claim = pack 'nnCCna6a4a6a4', 1, 0x0800, 6, 4, REQUEST, $own_mac, $packed, "\xff" x 6, $packed;
    send $socket, $claim, 0, $everyone or die "send: $!\n";
}

sub packet_socket {
    my ($interface) = @_;
    my $protocol = unpack 'S', pack 'n', ETH_P_ARP;
    socket my $socket, AF_PACKET, SOCK_DGRAM, $protocol or die "socket: $!\n";
    my $index = first_line("/sys/class/net/$interface/ifindex");
    my $mac = pack 'H12', first_line("/sys/class/net/$interface/address") =~ tr/://dr;
    bind $socket, pack 'S n l S C C a8', AF_PACKET, ETH_P_ARP, $index, 1, 0, 6, '' or die "bind: $!\n";
    return ($socket, $mac, pack 'S n l S C C a8', AF_PACKET, ETH_P_ARP, $index, 1, 0, 6, "\xff" x 6);
}

sub first_line {
    my ($path) = @_;
    open my $file, '<', $path or die "cannot read $path: $!\n";
    chomp(my $line = <$file>);
    return $line;
}

sub receive {
    my ($socket, $timeout, $take) = @_;
    my $until = now() + $timeout;
    while ((my $left = $until - now()) > 0) {
        my ($readable, $packet) = ('', '');
        vec($readable, fileno($socket), 1) = 1;
        next unless select($readable, undef, undef, $left / 1000) > 0;
        $take->($packet) if defined recv $socket, $packet, 2048, 0;
    }
}
