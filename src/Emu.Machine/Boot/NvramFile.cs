// --nvram FILE: the firmware's variables. Opens the file, or makes it from the one that came with the firmware.
using Emu.Core;
using Emu.Devices.Firmware;
using Emu.Devices.Storage.Host;
using Emu.Machine.Options;

namespace Emu.Machine.Boot;

/// <summary>Finds the contents of the flash bank.</summary>
internal static class NvramFile
{
    private const string What = "--nvram";

    /// <summary>Smallest bank: variables, the working block and the spare block of EDK2.</summary>
    private const long Minimum = 3 * CfiFlash.BlockBytes;

    /// <summary>Variables survive a power cut of the host from this time after they were written.</summary>
    private static readonly TimeSpan FlushDelay = TimeSpan.FromMilliseconds(500);

    /// <summary>What a new bank has: as QEMU's machine, so that one file does for both.</summary>
    private const long Default = CfiFlash.MaximumBytes;

    /// <summary>The flash's contents: what the file has, or without one those of new flash, gone with the machine.</summary>
    /// <exception cref="EmuException">The file is of a wrong size, cannot be written, or is in use.</exception>
    public static FlashStore Open(MachineOptions options, Log log)
    {
        if (options.Nvram is not { } path)
        {
            return new FlashStore((uint)Default, Template(options.Firmware!));
        }

        if (path.Length == 0 || Directory.Exists(path))
        {
            throw new EmuException($"{What}{(path.Length == 0 ? ": the path is empty" : $" '{path}' is a directory")}; give a file");
        }

        if (!File.Exists(path))
        {
            Create(path, Template(options.Firmware!));
        }

        var file = LinuxFile.Open(path, readOnly: false, direct: false, log, What);
        try
        {
            var length = file.Length;
            return length is >= (ulong)Minimum and <= (ulong)Default && length % CfiFlash.BlockBytes == 0
                ? new FlashStore(file, FlushDelay)
                : throw new EmuException($"{What} '{path}' is {length} bytes long; give a copy of AAVMF_VARS.fd, or a file that does not exist yet");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>What new flash holds: AAVMF_VARS.fd for AAVMF_CODE.fd beside it. Without one, nothing: firmware finds no store of variables and makes one.</summary>
    private static byte[] Template(string firmware)
    {
        var name = Path.GetFileName(firmware);
        var path = Path.Join(Path.GetDirectoryName(Path.GetFullPath(firmware)), name.Replace("CODE", "VARS", StringComparison.Ordinal));
        if (!name.Contains("CODE", StringComparison.Ordinal) || !File.Exists(path))
        {
            return [];
        }

        using var file = InputFile.Open(What, path);
        return file.ReadBytes(0, Math.Min(file.Length, Minimum));
    }

    private static void Create(string path, byte[] contents)
    {
        // Under its name only once it is whole.
        var partial = $"{path}.{Environment.ProcessId}.new";
        try
        {
            using (var file = File.OpenHandle(partial, FileMode.CreateNew, FileAccess.Write))
            {
                RandomAccess.SetLength(file, Default);
                if (contents.AsSpan().ContainsAnyExcept((byte)0))
                {
                    RandomAccess.Write(file, contents, 0);
                }
            }

            File.Move(partial, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmuException($"{What} '{path}' cannot be made: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }
}
