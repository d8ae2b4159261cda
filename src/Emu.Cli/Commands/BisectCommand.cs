// emu bisect: the first instruction after which two engines, or two sets of options, leave the same guest in different states.
using System.CommandLine;
using System.CommandLine.Parsing;
using Emu.Cli.Guests;
using Emu.Cli.Host;
using Emu.Core;
using Emu.Debug;
using Emu.Devices.Serial;
using Emu.Machine;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Cli.Commands;

/// <summary>The command.</summary>
internal sealed class BisectCommand
{
    private const string Name = "bisect";
    private const string DefaultEngines = "interpreter,jit";

    private readonly Argument<string?> guest = new("NAME")
    {
        Description = "A ready-made guest, such as debian-arm64, instead of --kernel.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string> exec = RunOptions.Text("--exec", "CMD", "With NAME: run CMD in the guest, then power off (default true).");
    private readonly Option<string> engines = RunOptions.Text("--engines", "A,B", $"The two engines (default {DefaultEngines}).");
    private readonly Option<string> first = RunOptions.Text("--first", "OPTIONS", "Further options of the first machine only, in one word.");
    private readonly Option<string> second = RunOptions.Text("--second", "OPTIONS", "Further options of the second machine only, in one word.");
    private readonly Option<string> from = RunOptions.Text("--from", "INSTRUCTIONS", "Compare from here on (default 0).");
    private readonly Option<string> to = RunOptions.Text("--to", "INSTRUCTIONS", "Compare up to here (default: the guest's end).");
    private readonly Option<bool> background = RunOptions.Flag(
        "--compile-in-background", "Let the jit engine compile as it does in a run: as fast, but differences may come and go.");

    private readonly RunOptions options = new();

    /// <summary>Adds it.</summary>
    public static void AddTo(Command root) => new BisectCommand().Add(root);

    private void Add(Command root)
    {
        var command = new Command(Name, "Find the first instruction after which two engines differ, and show both states.");
        command.Arguments.Add(guest);
        foreach (var option in (Option[])[exec, engines, first, second, from, to, background])
        {
            command.Options.Add(option);
        }

        options.AddTo(command);
        command.SetAction(parsed => Execute(command, parsed));
        root.Subcommands.Add(command);
    }

    private int Execute(Command command, ParseResult parsed)
    {
        var names = (parsed.GetValue(engines) ?? DefaultEngines).Split(',');
        if (names.Length != 2)
        {
            throw new EmuException($"--engines '{parsed.GetValue(engines)}': expected two engines, such as {DefaultEngines}");
        }

        var start = parsed.GetValue(from) is { } f ? OptionString.ParseInteger("--from", f, 0, ulong.MaxValue - 1) : 0;
        var end = parsed.GetValue(to) is { } t ? OptionString.ParseInteger("--to", t, start + 1, ulong.MaxValue) : ulong.MaxValue;
        Func<Run> run = static () => new Run(null, null);
        if (parsed.GetValue(guest) is { } name)
        {
            var text = parsed.GetValue(exec) ?? "true";
            var status = GuestCatalog.Provide(name, out var files);
            string? firmware = null;
            if (status == ExitStatus.Success && files.Disk is not null && !options.HasFirmwareOrKernel(parsed))
            {
                status = GuestCatalog.ProvideFirmware(out firmware);
            }

            if (status != ExitStatus.Success)
            {
                return status;
            }

            var direct = new GuestDefaults { Kernel = files.Kernel, Initramfs = files.Initramfs, CommandLine = BootCommand.CommandLine(text) };
            run = () =>
            {
                var disk = files.Disk is null ? null : new DiskGuest(files.Disk, null, text, null);
                return new Run(disk?.Defaults(firmware) ?? direct, disk);
            };
        }

        var createFirst = Factory(command, parsed, names[0], first, run);
        var createSecond = Factory(command, parsed, names[1], second, run);
        using var disassembler = TryCreateDisassembler();
        var found = new Bisection(createFirst, createSecond, Report.Line, (pc, word) => disassembler?.Disassemble(pc, word) ?? "").Find(start, end);
        switch (found)
        {
            case BisectionResult.Same same:
                Report.Result($"no difference in {same.Instructions} instructions, compared at {same.Comparisons} points");
                return ExitStatus.Success;
            case BisectionResult.Unstable u:
                Report.Result($"a difference was there after {u.High} instructions (none after {u.Low}), but not again when the guests ran once more");
                return ExitStatus.Different;
            default:
                var different = (BisectionResult.Different)found;
                Report.Result($"the first difference is made by instruction {different.Instruction}");
                foreach (var line in different.Report)
                {
                    Report.Result(line);
                }

                return ExitStatus.Different;
        }
    }

    /// <summary>Null where it cannot be loaded: the report then shows encodings only.</summary>
    private static A64Disassembler? TryCreateDisassembler()
    {
        try
        {
            return new A64Disassembler();
        }
        catch (EmuException)
        {
            return null;
        }
    }

    /// <summary>Makes the maker of one of the machines.</summary>
    private Func<bool, VirtualMachine> Factory(Command command, ParseResult parsed, string engine, Option<string> own, Func<Run> run)
    {
        var line = parsed;
        if (parsed.GetValue(own) is { } text)
        {
            string[] words = [.. parsed.Tokens.Select(t => t.Value).SkipWhile(w => w != Name).Skip(1), .. RunOptions.Normalize([.. CommandLineParser.SplitCommandLine(text)])];
            line = command.Parse(words);
            if (line.Errors.Count > 0)
            {
                throw new EmuException($"{own.Name} '{text}': {line.Errors[0].Message.TrimEnd('.')}");
            }
        }

        RefuseFilesOfBoth(options.Machine(line, guest: null));
        return compileCuts =>
        {
            // Its disks are open once the machine is made.
            using var files = run();
            var machine = options.Machine(line, files.Defaults);
            machine = machine with
            {
                Engine = MachineOptions.ParseEngine(engine),
                DeterministicSeed = machine.DeterministicSeed ?? 0,
                NoReboot = true,
                CompileSynchronously = !RunOptions.IsSet(parsed, background),
                CompileCuts = compileCuts,
            };
            return new VirtualMachine(machine, new MachineHost
            {
                Log = Log.Null,
                CreateSerial = () => machine.Serial.Mode == SerialMode.Off ? null : new NullBackend(),
                CreateSemihosting = _ => new StandardConsole(new NullBackend(), readsInput: false),
            });
        };
    }

    /// <summary>What one of the guests writes the other must not read, nor the next pass: files of the user's are only read.</summary>
    private static void RefuseFilesOfBoth(MachineOptions machine)
    {
        const string Why = "emu bisect runs the guest many times, two at once, and each must find the same";
        if (machine.Nvram is { } nvram)
        {
            throw new EmuException($"--nvram '{nvram}': {Why}; leave it out, every run then begins with new variables");
        }

        if (machine.Devices.Disks.FirstOrDefault(d => !d.Image.ReadOnly) is { } disk)
        {
            throw new EmuException($"--disk path={disk.Path}: {Why}; add readonly=on");
        }

        if (machine.Devices.Pmems.FirstOrDefault(p => !p.DiscardWrites) is { } pmem)
        {
            throw new EmuException($"--pmem file={pmem.Path}: {Why}; add discard_writes=on");
        }
    }

    /// <summary>What a machine of the ready-made guest gets, and the files made for it alone.</summary>
    private sealed record Run(GuestDefaults? Defaults, DiskGuest? Disk) : IDisposable
    {
        public void Dispose() => Disk?.Dispose();
    }
}
