#!/usr/bin/perl
# Writes numbered blocks at random places of one file, flushes, and only then says so in another file, which is the
# record of what was acknowledged. Goes on after the highest number it finds.
#   block-writer.pl write FILE BLOCKS ACKNOWLEDGED   until it is ended
#   block-writer.pl read FILE                        prints "block number" for each block that was ever written whole
use strict;
use warnings;
use IO::Handle;
use Fcntl qw(O_RDWR O_CREAT O_RDONLY SEEK_SET);

my $size = 4096;
my ($verb, $path, $blocks, $acknowledged) = @ARGV;

# The number at both ends: a torn block is told from a whole one.
sub block { my ($n) = @_; my $mark = sprintf '%016d', $n; return $mark . chr(65 + $n % 26) x ($size - 32) . $mark }

sub numbers {
  my ($file) = @_;
  my (%found, $bytes);
  for (my $index = 0; (my $got = sysread $file, $bytes, $size); $index++) {
    last if $got != $size;
    my ($first, $last) = (substr($bytes, 0, 16), substr($bytes, -16));
    next unless $first =~ /^\d{16}$/;
    die "block $index is torn: $first and $last\n" if $first ne $last && $ENV{STRICT};
    $found{$index} = $first + 0 if $first eq $last;
  }
  return %found;
}

if ($verb eq 'read') {
  sysopen my $file, $path, O_RDONLY or die "$path: $!\n";
  my %found = numbers($file);
  print "$_ $found{$_}\n" for sort { $a <=> $b } keys %found;
  exit;
}

sysopen my $file, $path, O_RDWR | O_CREAT or die "$path: $!\n";
open my $record, '>>', $acknowledged or die "$acknowledged: $!\n";
$record->autoflush(1);
my ($next) = sort { $b <=> $a } values %{{ numbers($file) }};
$next = ($next // 0) + 1;
srand $next;
for (;;) {
  my @written;
  for (1 .. 1 + int rand 4) {
    my $index = int rand $blocks;
    sysseek $file, $index * $size, SEEK_SET or die "seek: $!\n";
    (syswrite $file, block($next)) == $size or die "write: $!\n";
    push @written, "$index $next";
    $next++;
  }
  $file->sync or die "flush: $!\n";
  print $record "$_\n" for @written;
}
