// The open-ended random-instruction comparison: any number of instructions, any rows, every finding with its regression line.
using System.Diagnostics;
using System.Globalization;
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Tests.Oracle;

const int DefaultStates = 8;
const int SweepStates = 256;
const string Usage = """
    usage: dotnet run -c Release --project tests/arm64-oracle -- [options]
      --seconds N         stop after N seconds (default 60 when --instructions is not given)
      --instructions N    stop after N instructions under test
      --seed S            seed, a decimal number (default: from the clock; always printed)
      --newer             compare with qemu-user 10.0 (testroms/oracle/newer-reference) instead of the installed 7.2
      --states N          initial states of each code (default 8)
      --sweep             floating-point rows only, with every pair of special values under every FPCR (--states 256)
      --rows TEXT         only rows with TEXT in their name or of that FEAT_; several separated by |
      --compile-one-in N  share of the codes that run on compiled code too (default 10, 0 for none)
      --jobs N            comparisons in parallel, two threads each (default: half the processors)
      --list              print every row and whether it is compared, and run nothing
    """;

var seconds = 0L;
var instructions = 0L;
var seed = (ulong)Stopwatch.GetTimestamp();
var rows = "";
var compileOneIn = 10;
var states = DefaultStates;
Reference reference = Reference.Installed;
var list = false;
var sweep = false;
var jobs = Math.Max(1, Environment.ProcessorCount / 2);
for (var i = 0; i < args.Length; i++)
{
    var value = i + 1 < args.Length ? args[i + 1] : "";
    var good = args[i] switch
    {
        "--seconds" => long.TryParse(value, out seconds) && seconds > 0,
        "--instructions" => long.TryParse(value.Replace("_", "", StringComparison.Ordinal), out instructions) && instructions > 0,
        "--seed" => ulong.TryParse(value, out seed),
        "--rows" => (rows = value).Length > 0,
        "--compile-one-in" => int.TryParse(value, out compileOneIn) && compileOneIn >= 0,
        "--jobs" => int.TryParse(value, out jobs) && jobs > 0,
        "--states" => int.TryParse(value, out states) && states is > 0 and <= 4096,
        "--sweep" => sweep = true,
        "--newer" => (reference = Reference.Newer).KnownKeys,
        "--list" => list = true,
        _ => false,
    };
    if (!good)
    {
        Console.Error.WriteLine(args[i] is "--help" or "-h" ? Usage : $"{args[i]} {value}: not understood\n{Usage}");
        return args[i] is "--help" or "-h" ? 0 : 2;
    }

    i += args[i] is "--newer" or "--sweep" or "--list" ? 0 : 1;
}

if (list)
{
    List(reference);
    return 0;
}

if (RunnerBuild.Missing(reference) is { } missing)
{
    Console.Error.WriteLine(missing);
    return 2;
}

if (seconds == 0 && instructions == 0)
{
    seconds = 60;
}

Console.WriteLine($"seed {seed}, {jobs} jobs");
var clock = Stopwatch.StartNew();
var gate = new Lock();
var sessions = new OracleSession[jobs];
try
{
    for (var j = 0; j < jobs; j++)
    {
        sessions[j] = new OracleSession(new OracleOptions
        {
            Seed = seed + ((ulong)j * 0x9E37_79B9_7F4A_7C15),
            Reference = reference,
            States = sweep && states == DefaultStates ? SweepStates : states,
            Sweep = sweep,
            Rows = rows,
            CompileOneIn = compileOneIn,
            Instructions = instructions > 0 ? (instructions + jobs - 1) / jobs : long.MaxValue,
            TimeLimit = seconds > 0 ? TimeSpan.FromSeconds(seconds) : TimeSpan.MaxValue,
            Found = Print,
        });
    }
}
catch (ArgumentException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

var drawn = sessions[0].Rows.ToArray();
using var ticker = new Timer(_ => Progress(), null, 10_000, 10_000);
Task.WaitAll([.. sessions.Select(s => Task.Factory.StartNew(s.Run, TaskCreationOptions.LongRunning))]);
Progress();
var found = sessions.Sum(s => s.Findings.Count);
var coverage = new OracleCoverage();
foreach (var s in sessions)
{
    coverage.Add(s.Coverage);
    s.Dispose();
}

foreach (var line in coverage.Describe(reference, drawn).Take(rows.Length == 0 ? int.MaxValue : 1))
{
    Console.WriteLine(line);
}

foreach (var row in drawn.Where(r => coverage[r] == 0))
{
    Console.WriteLine($"never executed: {row.Name}");
}

return found == 0 ? 0 : 1;

void Print(OracleFinding finding)
{
    lock (gate)
    {
        Console.WriteLine(finding.Report);
        Console.WriteLine("  regression: " + finding.Regression);
    }
}

void Progress()
{
    var total = sessions.Sum(s => s.Instructions);
    lock (gate)
    {
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{clock.Elapsed.TotalSeconds:f0} s: {total} instructions ({sessions.Sum(s => s.CompiledInstructions)} on compiled code too), {total / clock.Elapsed.TotalSeconds:f0} a second, {sessions.Sum(s => s.Mismatches)} differing cases, {sessions.Sum(s => s.Findings.Count)} findings"));
    }
}

static void List(Reference reference)
{
    foreach (var row in A64Decoder.Rows)
    {
        Console.WriteLine($"{row.Pattern} {row.Name}{(row.Feature.Length > 0 ? $" [{row.Feature}]" : "")}: {RowFilter.Reason(row, reference) ?? "compared"}");
    }
}
