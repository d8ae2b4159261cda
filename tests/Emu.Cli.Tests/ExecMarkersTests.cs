// The markers around a command's output: found wherever the stream is cut, and never taken for output or the other way round.
using System.Text;
using Emu.Cli.Exec;

namespace Emu.Cli.Tests;

public class ExecMarkersTests
{
    private const string Begin = "\u001eEMU-EXEC-BEGIN\n";

    [Theory]
    [InlineData("boot noise\n" + Begin + "hello\n\u001eEMU-EXEC-END 0\nbye", "hello\n", 0)]
    [InlineData(Begin + "\u001eEMU-EXEC-END 7\n", "", 7)]
    [InlineData(Begin + "no newline\u001eEMU-EXEC-END 255\n", "no newline", 255)]
    [InlineData("\u001eEMU-EXEC-BEGIN\r\nx\u001eEMU-EXEC-END 1\r\n", "x", 1)]
    [InlineData(Begin + "a\u001eb\u001e\u001eEMU-EXEC-END 2\n", "a\u001eb\u001e", 2)]
    [InlineData(Begin + "\u001eEMU-EXEC-END x\n\u001eEMU-EXEC-END \n\u001eEMU-EXEC-END 3\n", "\u001eEMU-EXEC-END x\n\u001eEMU-EXEC-END \n", 3)]
    [InlineData(Begin + "\u001eEMU-EXEC-END 12345\n", "\u001eEMU-EXEC-END 12345\n", null)]
    [InlineData(Begin + "\u001eEMU-EXEC-END 999\n", "", 255)]
    [InlineData(Begin + Begin + "x\u001eEMU-EXEC-END 0\n", Begin + "x", 0)]
    [InlineData("\u001eEMU-EXEC-END 4\n" + Begin + "x", "x", null)]
    [InlineData(Begin + "x\u001eEMU-EXEC-END 5\n" + Begin + "y\u001eEMU-EXEC-END 6\n", "x", 5)]
    [InlineData("EMU-EXEC-BEGIN\nx", "", null)]
    public void Stream_GivesOutputAndStatus(string console, string expected, int? status)
    {
        var markers = new ExecMarkers();
        var output = new StringBuilder();
        var passed = new byte[ExecMarkers.MaximumLength + 1];
        foreach (var value in Encoding.Latin1.GetBytes(console))
        {
            output.Append(Encoding.Latin1.GetString(passed, 0, markers.Next(value, passed)));
        }

        Assert.Equal(expected, output.ToString());
        Assert.Equal(status, markers.ExitStatus);
    }
}
