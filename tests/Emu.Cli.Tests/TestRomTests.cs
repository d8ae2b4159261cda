// The bare-metal programs of testroms/arm64 on both engines: each source says how it is run and what it must show.
namespace Emu.Cli.Tests;

public sealed class TestRomTests
{
    private static readonly string Sources = Path.Combine(DebianGuest.Root, "testroms", "arm64");
    private static readonly Lazy<EmuResult> Built = new(() => EmuProcess.Execute(Path.Combine(Sources, "build"), [], []));

    public static TheoryData<string, string> Programs
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var source in Directory.GetFiles(Sources, "*.S").Order(StringComparer.Ordinal))
            {
                data.Add(Path.GetFileNameWithoutExtension(source), "interpreter");
                data.Add(Path.GetFileNameWithoutExtension(source), "jit");
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public void Program_EndsAsItsSourceSays(string name, string engine) => Check(name, engine);

    [Theory]
    [MemberData(nameof(Programs))]
    public void Program_EndsAsItsSourceSays_Deterministic(string name, string engine) => Check(name, engine, "--deterministic");

    private static void Check(string name, string engine, params string[] more)
    {
        Assert.True(Built.Value.Status == 0, Built.Value.Error);
        var header = File.ReadLines(Path.Combine(Sources, name + ".S")).ToArray();
        IEnumerable<string> Values(string key) => header.Where(l => l.StartsWith($"// {key}: ", StringComparison.Ordinal)).Select(l => l[(key.Length + 5)..]);
        var status = int.Parse(Values("expect").Single()["exit=".Length..], System.Globalization.CultureInfo.InvariantCulture);
        var image = Path.Combine(DebianGuest.Root, "artifacts", "testroms", "arm64", name + ".img");
        var options = Values("run").SelectMany(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        var result = EmuProcess.Run(null, ["run", "--kernel", image, .. options, "--engine", engine, "--time-limit", "1500", .. more]);
        Assert.True(result.Status == status, $"exit status {result.Status}, expected {status}\n{result.Output}{result.Error}");
        Assert.All(Values("expect-console"), line => Assert.Contains(line, result.Output, StringComparison.Ordinal));
    }
}
