// Debian's qemu-utils as the oracle of the image tests: run a tool, expect success, compare with a raw model.
using System.Diagnostics;

namespace Emu.Devices.Tests.Storage;

/// <summary>Runs qemu-img and qemu-io.</summary>
internal static class QemuImg
{
    public const string Path = "/usr/bin/qemu-img";

    /// <summary>Runs qemu-img and expects success.</summary>
    public static string Run(params string[] arguments)
    {
        var (status, text) = Try("qemu-img", arguments);
        Assert.True(status == 0, $"qemu-img {string.Join(' ', arguments)} ended with {status}: {text}");
        return text;
    }

    /// <summary>Runs qemu-io commands on an image and expects success.</summary>
    public static string Io(string format, string image, params string[] commands)
    {
        var (status, text) = Try("qemu-io", ["-f", format, .. commands.SelectMany(c => new[] { "-c", c }), image]);
        Assert.True(status == 0, $"qemu-io on {image} ended with {status}: {text}");
        return text;
    }

    /// <summary>Runs a tool; its status and all it said.</summary>
    public static (int Status, string Text) Try(string tool, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(tool, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }

    /// <summary>The image is clean: no error and no leak.</summary>
    public static void AssertClean(string format, string image)
    {
        var text = Run("check", "-f", format, image);
        Assert.Contains("No errors were found on the image.", text);
    }

    /// <summary>The image holds exactly these bytes, as QEMU reads it.</summary>
    public static void AssertHolds(string format, string image, byte[] model)
    {
        var raw = image + ".model";
        File.WriteAllBytes(raw, model);
        var text = Run("compare", "-f", "raw", "-F", format, raw, image);
        Assert.Contains("identical", text);
        File.Delete(raw);
    }
}

/// <summary>A test that needs qemu-utils.</summary>
public sealed class QemuFactAttribute : FactAttribute
{
    /// <summary>Skips when there is none.</summary>
    public QemuFactAttribute()
    {
        if (!File.Exists(QemuImg.Path))
        {
            Skip = "qemu-img is not installed (package qemu-utils)";
        }
    }
}

/// <summary>A test with cases that needs qemu-utils.</summary>
public sealed class QemuTheoryAttribute : TheoryAttribute
{
    /// <summary>Skips when there is none.</summary>
    public QemuTheoryAttribute()
    {
        if (!File.Exists(QemuImg.Path))
        {
            Skip = "qemu-img is not installed (package qemu-utils)";
        }
    }
}
