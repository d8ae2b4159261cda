// The interactive shell on a real terminal, driven by expect: typing, Ctrl-C, the emulator's own keys, a resized window, the terminal's state after.
namespace Emu.Cli.Tests;

/// <summary>A test that needs the expect program (package expect).</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ExpectFactAttribute : FactAttribute
{
    /// <summary>Skips when there is none.</summary>
    public ExpectFactAttribute()
    {
        if (!File.Exists("/usr/bin/expect"))
        {
            Skip = "expect is not installed (package expect)";
        }
    }
}

public sealed class InteractiveTests
{
    // Starts the shell on a terminal of 30 rows and 90 columns; "ask TEXT PATTERN" types a line and waits for an answer.
    private const string Prelude = """
        set timeout 1200
        log_user 0
        proc fail {why} { puts "failed: $why"; exit 1 }
        proc await {pattern} { expect -re $pattern {} timeout { fail "no $pattern" } eof { fail "ended before $pattern" } }
        proc ask {text pattern} { send -- "$text\r"; await $pattern; await {emu:[^ ]*# } }
        set stty_init "rows 30 columns 90"
        spawn -noecho sh -c "$env(EMU_COMMAND); echo status=\$?; stty -a"
        """;

    [ExpectFact]
    public void Shell_RunsCommands_AndExitPowersOff() => Expect("", """
        await {emu:~# }
        ask "uname -m" "aarch64"
        ask "stty size" "30 90"
        ask "echo \$((6*7))" "\n42"
        send "sh -c 'echo g\"\"o; exec sleep 10000'\r"
        await "\ngo"
        send "\x03"
        await {emu:~# }
        ask "echo \$((40+3))" "\n43"
        send "exit\r"
        await {status=0\r.* icanon .* echo }
        """);

    [ExpectFact]
    public void Keys_HelpResizeAndQuit() => Expect("", """
        await {emu:~# }
        send "\x01h"
        await {Ctrl-A X}
        send "\r"
        await {emu:~# }
        stty rows 50 columns 132 < $spawn_out(slave,name)
        ask "echo still here" "still here"
        send "printf 'a%sb' X\r"
        await "aXb"
        send "\x01x"
        await {status=0\r.* icanon .* echo }
        """);

    /// <summary>Deterministic mode takes typed input too.</summary>
    [ExpectFact]
    public void Deterministic_ShellTakesInput() => Expect("--deterministic=1 --cpus boot=2", """
        await {emu:~# }
        ask "nproc" "\n2"
        send "poweroff -f\r"
        await "status=0"
        """);

    /// <summary>A signal ends the machine in order and gives the terminal back.</summary>
    [ExpectFact]
    public void Terminate_GivesTheTerminalBack() => Expect("", """
        await {emu:~# }
        exec pkill -TERM -P [exp_pid] dotnet
        await {status=143\r.* icanon .* echo }
        """);

    private static void Expect(string options, string script) => Expect("debian-arm64", options, script);

    /// <summary>Runs emu boot with a guest on a terminal, and an expect script behind <see cref="Prelude"/> against it.</summary>
    internal static void Expect(string guest, string options, string script)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, Prelude + "\n" + script);
            var result = EmuProcess.Execute("expect", ["-f", path], new()
            {
                ["EMU_ROOT"] = DebianGuest.Root,
                ["EMU_COMMAND"] = $"dotnet {EmuProcess.Program} boot {guest} {options}",
                ["TERM"] = "vt100",
            });
            Assert.True(result.Status == 0, result.Output + result.Error);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
