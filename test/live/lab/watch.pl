#!/usr/bin/perl
# Asks a service who it is, over and over, by connections that know nothing of each other.
#
#   watch.pl PORT INTERVAL_MS TIMEOUT_MS ADDRESS...
#
# One connection would over-report outages: its SYN is repeated only after one second, then three. So each attempt is
# a fresh socket, begun every INTERVAL_MS, and counts only when a whole banner line was read. Prints one line each:
#   ok SENT_AT AT ADDRESS BANNER          both instants in milliseconds of CLOCK_MONOTONIC
#   miss SENT_AT AT ADDRESS REASON
# Ends when its standard input does.
use strict;
use warnings;
use Errno qw(EINPROGRESS EAGAIN EINTR);
use Socket qw(AF_INET AF_INET6 SOCK_STREAM SOCK_NONBLOCK SOL_SOCKET SO_LINGER SO_ERROR
    inet_pton pack_sockaddr_in pack_sockaddr_in6);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

# Twice what a dead address collects: 250 ms of attempts, one every 10 ms.
use constant MAX_IN_FLIGHT => 50;

my ($port, $interval, $timeout, @addresses) = @ARGV;
my %name_of = map { $_ => packed_name($_) } @addresses;
my %in_flight = map { $_ => 0 } @addresses;
my %attempts;
$| = 1;

my $next = now();
while (1) {
    if (now() >= $next) {
        begin($_) for @addresses;
        $next += $interval;
        # After a stall, attempts begun in a burst would tell nothing new.
        $next = now() + $interval if $next < now();
    }
    wait_for_answers($next - now());
    expire();
}

sub now { return clock_gettime(CLOCK_MONOTONIC) * 1000 }

sub packed_name {
    my ($address) = @_;
    my $is_v6 = $address =~ /:/;
    my $packed = inet_pton($is_v6 ? AF_INET6 : AF_INET, $address) or die "not an address: $address\n";
    return $is_v6 ? pack_sockaddr_in6($port, $packed) : pack_sockaddr_in($port, $packed);
}

sub begin {
    my ($address) = @_;
    return if $in_flight{$address} >= MAX_IN_FLIGHT;
    my $sent_at = now();
    my $attempt = { address => $address, sent_at => $sent_at, connected => 0, text => '' };
    socket $attempt->{socket}, ($address =~ /:/ ? AF_INET6 : AF_INET), SOCK_STREAM | SOCK_NONBLOCK, 0
        or return report('miss', $attempt, "socket: $!");
    # Closing forgets the connection at once: no port waits, no abandoned SYN is repeated.
    setsockopt $attempt->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    if (!connect($attempt->{socket}, $name_of{$address}) && !$!{EINPROGRESS}) {
        return report('miss', $attempt, "$!");
    }
    $attempts{ fileno $attempt->{socket} } = $attempt;
    $in_flight{$address}++;
}

sub wait_for_answers {
    my ($wait_ms) = @_;
    my ($readable, $writable) = ('', '');
    vec($readable, fileno(STDIN), 1) = 1;
    for my $number (keys %attempts) {
        if ($attempts{$number}{connected}) { vec($readable, $number, 1) = 1 }
        else { vec($writable, $number, 1) = 1 }
    }
    my $ready = select $readable, $writable, undef, $wait_ms > 0 ? $wait_ms / 1000 : 0;
    return if $ready <= 0;
    exit 0 if vec($readable, fileno(STDIN), 1) && !sysread(STDIN, my $ignored, 1024);
    for my $number (keys %attempts) {
        my $attempt = $attempts{$number};
        if (!$attempt->{connected} && vec($writable, $number, 1)) { connected($attempt) }
        elsif ($attempt->{connected} && vec($readable, $number, 1)) { answered($attempt) }
    }
}

sub connected {
    my ($attempt) = @_;
    my $error = unpack 'i', getsockopt $attempt->{socket}, SOL_SOCKET, SO_ERROR;
    if ($error) { $! = $error; return end('miss', $attempt, "$!") }
    $attempt->{connected} = 1;
    # The banner is mostly there already; asking now saves a turn of the loop.
    answered($attempt);
}

sub answered {
    my ($attempt) = @_;
    my $count = sysread $attempt->{socket}, $attempt->{text}, 1024, length $attempt->{text};
    if (!defined $count) { return if $!{EAGAIN} || $!{EINTR}; return end('miss', $attempt, "$!") }
    return end('ok', $attempt, $1) if $attempt->{text} =~ /^([^\n]*)\n/;
    end('miss', $attempt, 'closed without a banner') if $count == 0;
}

sub expire {
    my $now = now();
    for my $attempt (values %attempts) {
        next if $now - $attempt->{sent_at} < $timeout;
        end('miss', $attempt, $attempt->{connected} ? 'connected, no banner' : 'no answer');
    }
}

sub end {
    my ($kind, $attempt, $what) = @_;
    report($kind, $attempt, $what);
    delete $attempts{ fileno $attempt->{socket} };
    $in_flight{ $attempt->{address} }--;
    close $attempt->{socket};
}

sub report {
    my ($kind, $attempt, $what) = @_;
    printf "%s %.3f %.3f %s %s\n", $kind, $attempt->{sent_at}, now(), $attempt->{address}, $what;
}
