// The micro-benchmarks: run with the arguments of BenchmarkDotNet, such as --filter '*Interpreter*'.
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;

namespace Emu.Benchmarks;

internal static class Program
{
    private static void Main(string[] arguments)
    {
        // In this process: nothing is built and restored at run time.
        var job = Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(5).WithIterationCount(12).WithIterationTime(TimeInterval.FromMilliseconds(150));
        var config = ManualConfig.CreateEmpty()
            .AddJob(job)
            .AddLogger(ConsoleLogger.Default)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddColumn(StatisticColumn.Median, StatisticColumn.Min);
        var summaries = BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(arguments.Length == 0 ? ["--filter", "*"] : arguments, config).ToArray();

        // Between the tables are thousands of lines: here they are together.
        foreach (var summary in summaries)
        {
            ConsoleLogger.Default.WriteLineHeader($"// * {summary.Title} *");
            MarkdownExporter.Console.ExportToLog(summary, ConsoleLogger.Default);
        }
    }
}
